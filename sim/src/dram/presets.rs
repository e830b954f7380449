//! The DRAMs that come with the program, as the text of their files.

/// Name and text of each preset.
pub const PRESETS: [(&str, &str); 6] = [
    ("ddr3-1600", include_str!("../../memory/ddr3-1600.toml")),
    ("ddr4-2400", include_str!("../../memory/ddr4-2400.toml")),
    ("lpddr4-3200", include_str!("../../memory/lpddr4-3200.toml")),
    ("lpddr5-6400", include_str!("../../memory/lpddr5-6400.toml")),
    ("hbm2", include_str!("../../memory/hbm2.toml")),
    ("gddr6", include_str!("../../memory/gddr6.toml")),
];
