//! Files of memories: what is refused, and how it is said.

use super::support::model;
use seedlm_sim::dram::{DramModel, PRESETS};

#[test]
fn mistakes_name_the_file_and_the_key() {
    let (_, ddr4) = PRESETS[1];
    let cases = [
        (
            "t_rcd_ns = 13.32",
            "t_rcd_nss = 13.32",
            "t_rcd_ns or t_rcd_ck is missing",
        ),
        ("cl_ck = 16", "cl_ck = 16\nt_xyz_ns = 3", "unknown key t_xyz_ns"),
        ("channels = 1", "channels = 3", "channels is 3"),
        ("channels = 1", "channels = 1\nranks = 2", "ranks"),
        ("t_rp_ns = 13.32", "t_rp_ns = \"x\"", "t_rp_ns is \"x\""),
        ("queue_accesses = 32", "queue_accesses = 0", "queue_accesses is 0"),
        ("refresh = \"all_bank\"", "refresh = \"per_bank\"", "needs t_rfc_pb_ns"),
        ("refresh = \"all_bank\"", "refresh = \"never\"", "never"),
        (
            "standard = \"DDR4\"",
            "standard = \"DDR4\"\ncolour = 1",
            "unknown key colour",
        ),
        ("t_rfc_ns = 350", "t_rfc_ns = 7000", "t_rfc leaves less than half"),
        (
            "\"bank\", \"row\"",
            "\"bank\", \"bank\"",
            "address_map names Bank twice",
        ),
        ("[controller]", "[regulator]", "section [controller] is missing"),
    ];
    for (from, to, message) in cases {
        assert!(ddr4.contains(from), "{from}");
        let error = DramModel::parse("my.toml", &ddr4.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(error.contains("my.toml") && error.contains(message), "{to}: {error}");
    }
}

#[test]
fn a_file_may_say_only_what_is_different() {
    let text = "base = \"ddr4-2400\"\nname = \"cooler\"\n[timing]\nt_refi_ns = 3900\n";
    let changed = DramModel::parse("my.toml", text).unwrap();
    let preset = model("ddr4-2400", &[]);
    assert_eq!(
        (changed.name(), changed.timing().t_refi),
        ("cooler", preset.timing().t_refi / 2)
    );
    assert_eq!(changed.organisation(), preset.organisation());
    let error = DramModel::parse("my.toml", "base = \"ddr9\"").unwrap_err().to_string();
    assert!(error.contains("my.toml") && error.contains("ddr4-2400"), "{error}");
}

#[test]
fn overrides_find_their_section() {
    let preset = model("ddr4-2400", &[]);
    let changed = model(
        "ddr4-2400",
        &[
            ("t_rfc_ns", "550"),
            ("controller.queue_accesses", "8"),
            ("channels", "2"),
        ],
    );
    assert_eq!((changed.timing().t_rfc, changed.policy().queue_accesses), (660, 8));
    assert_eq!(changed.organisation().channels, 2);
    let error = preset.with_override("t_rfx_ns", 5.into()).unwrap_err().to_string();
    assert!(error.contains("ddr4-2400") && error.contains("t_rfx_ns"), "{error}");
}
