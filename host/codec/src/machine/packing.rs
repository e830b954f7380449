//! Two weights in one multiplier, where that is exact.

use super::config::DatapathConfig;
use crate::weights::WeightFormat;

/// Widths of the multiplier of a DSP48E1, the cell of Xilinx' 7-series, in bits, signs included. That of a DSP48E2 is wider.
pub const MULTIPLIER_BITS: [u32; 2] = [25, 18];

/// How two rows of a tile share multipliers. Both get the activation `x`, so one multiplier makes the products of both of
/// their weights, `low` and `high`:
///
/// `(high * 2^field_bits + low) * x = (high * x) * 2^field_bits + low * x`
///
/// The same holds of sums: with `H` and `L`, the sums of the two rows, the sum of `n` such products is
/// `H * 2^field_bits + L`. Let `w` be the largest magnitude of a weight and `a` the width of an activation, so that
/// `|L| <= n * w * 2^(a-1)`. Three bounds make it exact:
///
/// * `n * w * 2^(a-1) < 2^(field_bits-1)`. Then `L + 2^(field_bits-1)` is one of `0 .. 2^field_bits`, and with
///   `2^(field_bits-1)` added once to the sum its bits from `field_bits` on are exactly `H`, and those below are `L` with
///   the sign bit inverted: nothing is left to be borrowed. This is what the hardware does.
/// * `w * (2^field_bits + 1) < 2^24`: the factor `high * 2^field_bits + low` has at most 25 bits.
/// * `a <= 18`.
///
/// `field_bits` is the fewest that the first bound allows, and so the width of the rows' sums; every sum on the way is one
/// of fewer products, and smaller. With 7-bit weights of at most 45 (`chained-4b`), int8 and 8 products, `L` is at most
/// 46080: 17 bits. The factor has 24 bits; 18 bits would still fit, and hold sums of 22 products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedProducts {
    /// Bits of the lower row's sum: the upper row's begins above them.
    pub field_bits: u32,
}

impl PackedProducts {
    /// For sums of `products` products of weights of at most `largest_weight` in magnitude with activations of
    /// `activation_bits` bits. `None` where a multiplier does not hold the factors, or there are fewer than 2 bits.
    pub fn new(largest_weight: i64, activation_bits: u32, products: usize) -> Option<Self> {
        if !(2..=MULTIPLIER_BITS[1]).contains(&activation_bits) {
            return None;
        }
        let sum = u128::try_from(largest_weight).ok()? << (activation_bits - 1);
        let sum = sum.checked_mul(products as u128)?;
        let field_bits = u128::BITS - sum.leading_zeros() + 1;
        let [factor_bits, _] = MULTIPLIER_BITS;
        let fits =
            field_bits < factor_bits && i128::from(largest_weight) * ((1 << field_bits) + 1) < 1 << (factor_bits - 1);
        fits.then_some(PackedProducts { field_bits })
    }

    /// The most products of such weights and activations whose sums multipliers can be shared for; 0 where no product fits.
    pub fn most_products(largest_weight: i64, activation_bits: u32) -> usize {
        // A field of factor_bits bits is too wide whatever the weights are.
        let most = 1_usize << MULTIPLIER_BITS[0];
        let fits = |products: usize| PackedProducts::new(largest_weight, activation_bits, products).is_some();
        let (mut fitting, mut beyond) = (0, most);
        while beyond - fitting > 1 {
            let middle = (fitting + beyond) / 2;
            if fits(middle) {
                fitting = middle;
            } else {
                beyond = middle;
            }
        }
        fitting
    }

    /// What is added once to every sum of packed products.
    pub fn offset(self) -> i64 {
        1 << (self.field_bits - 1)
    }

    /// The factor of two weights.
    pub fn factor(self, high: i64, low: i64) -> i64 {
        (high << self.field_bits) + low
    }

    /// The sums of the upper and of the lower row: of a sum of packed products with [`PackedProducts::offset`].
    pub fn split(self, sum: i64) -> (i64, i64) {
        let low = sum & ((1 << self.field_bits) - 1);
        (sum >> self.field_bits, low - self.offset())
    }
}

impl DatapathConfig {
    /// How the rows share multipliers; `None` where each has its own. Only for configurations that [`DatapathConfig::check`]
    /// accepts.
    pub fn packed_products(&self, format: &WeightFormat) -> Option<PackedProducts> {
        let products = self.activations_per_step(format);
        let packed = || PackedProducts::new(format.largest_weight(), self.activation_bits, products);
        self.pack_products.then(packed).flatten()
    }

    /// Rows of a tile that have one MAC together: two where they share multipliers, else one.
    pub fn rows_per_mac(&self) -> usize {
        if self.pack_products { 2 } else { 1 }
    }

    /// Why rows cannot share multipliers, if they are to: what is wrong, and what to set.
    pub(super) fn packing_refusal(&self, format: &WeightFormat) -> Option<String> {
        if !self.pack_products {
            return None;
        }
        let (label, bits) = (format.label(), self.activation_bits);
        let or_not = "or pack_products=false";
        if format.exponent_bits() > 0 {
            return Some(format!(
                "pack_products is true, and words of {label} have exponents: two products in one multiplier cannot be \
                 shifted apart; set weights without exponents, such as chained-4b, {or_not}"
            ));
        }
        if !self.tile_rows.is_multiple_of(2) {
            return Some(format!(
                "pack_products is true and tile_rows is {}: rows share multipliers in pairs; set tile_rows to an even \
                 number, {or_not}",
                self.tile_rows
            ));
        }
        let (largest, products) = (format.largest_weight(), self.activations_per_step(format));
        if PackedProducts::new(largest, bits, products).is_some() {
            return None;
        }
        let [wide, narrow] = MULTIPLIER_BITS;
        let most = PackedProducts::most_products(largest, bits);
        let words = most / format.weights_per_word();
        let remedy = if words > 0 {
            format!("set lanes to at most {words} times tile_rows, {or_not}")
        } else if bits > 8 && PackedProducts::new(largest, 8, format.weights_per_word()).is_some() {
            format!("set activation_bits=8, {or_not}")
        } else {
            "set pack_products=false".into()
        };
        Some(format!(
            "pack_products is true: multipliers of {wide} x {narrow} bits hold sums of at most {most} packed products of \
             {label} weights (up to {largest}) and {bits}-bit activations, and a row has {products} in a step; {remedy}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sums of two rows by the multiplier, with every bound that the hardware relies on checked on the way.
    fn packed_sums(packed: PackedProducts, rows: &[(i64, i64)], activations: &[i64]) -> (i64, i64) {
        let [factor_bits, activation_bits] = MULTIPLIER_BITS;
        let fits = |value: i64, bits: u32| (-(1 << (bits - 1))..1 << (bits - 1)).contains(&value);
        let mut sum = packed.offset();
        for (&(high, low), &activation) in rows.iter().zip(activations) {
            let factor = packed.factor(high, low);
            assert!(
                fits(factor, factor_bits) && fits(activation, activation_bits),
                "{factor} x {activation}"
            );
            sum += factor * activation;
            assert!(fits(sum, 2 * packed.field_bits), "{sum} in {packed:?}");
        }
        packed.split(sum)
    }

    fn plain_sums(rows: &[(i64, i64)], activations: &[i64]) -> (i64, i64) {
        let products = rows.iter().zip(activations);
        products.fold((0, 0), |(highs, lows), ((high, low), x)| {
            (highs + high * x, lows + low * x)
        })
    }

    /// Every width of activation, with every largest weight for which two products fit at all.
    fn accepted() -> impl Iterator<Item = (i64, u32, usize)> {
        let widths = (2..=16).flat_map(|bits| (1..1 << 12).map(move |largest| (largest, bits)));
        widths
            .map(|(largest, bits)| (largest, bits, PackedProducts::most_products(largest, bits)))
            .filter(|&(_, _, most)| most > 0)
    }

    /// Both limits of weights and activations in both rows, at the most products that are accepted; one more is too many
    /// for any field that still fits the factor.
    #[test]
    fn limits_are_exact_and_no_more_products_would_be() {
        let mut count = 0;
        for (largest, bits, most) in accepted() {
            let packed = PackedProducts::new(largest, bits, most).unwrap();
            let lowest = -(1_i64 << (bits - 1));
            let limits = [-largest, largest];
            // Sums of equal products need not be walked.
            let sums = |high: i64, low: i64, x: i64, count: i64| {
                packed.split(packed.offset() + packed.factor(high, low) * x * count)
            };
            for (high, low) in limits.iter().flat_map(|&high| limits.map(|low| (high, low))) {
                for x in [lowest, -lowest - 1] {
                    let each = (high * x * most as i64, low * x * most as i64);
                    assert_eq!(sums(high, low, x, most as i64), each, "{packed:?} {high} {low} {x}");
                }
            }
            let widest = (1..MULTIPLIER_BITS[0]).rfind(|&field_bits| largest * ((1 << field_bits) + 1) < 1 << 24);
            let widest = PackedProducts {
                field_bits: widest.unwrap(),
            };
            let one_more = most as i64 + 1;
            let wrong = widest.split(widest.offset() + widest.factor(0, -largest) * lowest * one_more);
            assert_ne!(wrong, (0, -largest * lowest * one_more), "{largest} {bits} {most}");
            count += 1;
        }
        assert!(count > 5_000, "{count} widths");
    }

    #[test]
    fn the_usual_weights_have_room_for_22_products() {
        let packed = PackedProducts::new(45, 8, 8).unwrap();
        assert_eq!((packed.field_bits, packed.offset()), (17, 65536));
        assert_eq!(PackedProducts::new(45, 8, 22).unwrap().field_bits, 18);
        assert_eq!(PackedProducts::most_products(45, 8), 22);
        assert_eq!(PackedProducts::most_products(45, 16), 0);
        assert_eq!(PackedProducts::most_products(i64::MAX, 16), 0);
    }

    /// Weights and activations of one of the accepted widths, limits among them.
    fn any_rows() -> impl Strategy<Value = (PackedProducts, Vec<(i64, i64)>, Vec<i64>)> {
        let widths = prop::sample::select(accepted().collect::<Vec<_>>());
        (widths, 1_usize..=64).prop_flat_map(|((largest, bits, most), length)| {
            let length = length.min(most);
            let weight = || prop_oneof![4 => -largest..=largest, 1 => Just(largest), 1 => Just(-largest)];
            let half = 1_i64 << (bits - 1);
            let activation = prop_oneof![4 => -half..half, 1 => Just(-half), 1 => Just(half - 1)];
            (
                Just(PackedProducts::new(largest, bits, length).unwrap()),
                prop::collection::vec((weight(), weight()), length),
                prop::collection::vec(activation, length),
            )
        })
    }

    proptest! {
        #[test]
        fn shared_multipliers_give_both_rows_sums((packed, rows, activations) in any_rows()) {
            prop_assert_eq!(packed_sums(packed, &rows, &activations), plain_sums(&rows, &activations));
        }
    }

    #[test]
    fn what_cannot_share_multipliers_is_refused_with_the_reason() {
        type Change = fn(&mut DatapathConfig);
        let refused: [(&str, Change, &str); 6] = [
            ("paper-4b", |_| {}, "words of paper-4b have exponents"),
            (
                "fp16",
                |_| {},
                "set weights without exponents, such as chained-4b, or pack_products=false",
            ),
            (
                "chained-4b",
                |c| (c.lanes, c.tile_rows) = (5, 5),
                "tile_rows is 5: rows share multipliers in pairs",
            ),
            (
                "chained-4b",
                |c| c.activation_bits = 16,
                "at most 0 packed products of chained-4b weights (up to 45) and 16-bit activations, and a row has 8 in a step; set activation_bits=8, or pack_products=false",
            ),
            (
                "chained-4b",
                |c| c.lanes = 48,
                "at most 22 packed products of chained-4b weights (up to 45) and 8-bit activations, and a row has 24 in a step; set lanes to at most 2 times tile_rows",
            ),
            (
                "chained-2b",
                |c| c.lanes = 32,
                "a row has 32 in a step; set lanes to at most 1 times tile_rows",
            ),
        ];
        for (name, change, reason) in refused {
            let format = WeightFormat::named(name).unwrap();
            let mut config = DatapathConfig::reference(&format);
            (config.pack_products, config.largest_columns) = (true, 4096);
            change(&mut config);
            let error = config.check(&format).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
            config.pack_products = false;
            config.check(&format).unwrap();
            assert_eq!((config.packed_products(&format), config.rows_per_mac()), (None, 1));
        }
    }

    #[test]
    fn chained_presets_can_share_multipliers_at_the_width_of_their_sums() {
        for name in ["chained-4b", "chained-3b", "chained-2b", "chained-4b-k12"] {
            let format = WeightFormat::named(name).unwrap();
            let mut config = DatapathConfig::reference(&format);
            config.pack_products = true;
            config.check(&format).unwrap();
            let packed = config.packed_products(&format).unwrap();
            assert_eq!(packed.field_bits, config.sum_bits(&format), "{name}");
        }
    }

    /// A parameter that is off is not written: what was written before there was one is the same text.
    #[test]
    fn descriptions_of_machines_name_the_parameter_only_where_it_is_on() {
        let mut config = DatapathConfig::reference(&WeightFormat::named("chained-4b").unwrap());
        for pack_products in [false, true] {
            config.pack_products = pack_products;
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(text.contains("\"pack_products\":true"), pack_products, "{text}");
            assert_eq!(text.contains("pack_products"), pack_products, "{text}");
            assert_eq!(serde_json::from_str::<DatapathConfig>(&text).unwrap(), config);
        }
    }
}
