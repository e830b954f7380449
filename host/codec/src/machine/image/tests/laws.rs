//! What holds for every preset and every shape.

use super::{image_matrix, random_matrix, weight_bytes};
use crate::bits::read_field;
use crate::machine::image::{ImageMap, matrix_from_image, row_scale_bytes};
use crate::machine::{DatapathConfig, MachineStreams, TileOrder};
use crate::product::Activations;
use crate::{Code, Crc32, WeightFormat};
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_written_is_the_machine_s_stream_and_reads_back(
        preset in 0..8_usize, rows in 1_usize..70, columns in 1_usize..90, seed in any::<u64>(),
        beat_words in 1_u32..9, tile_rows in 1_u32..6, words in 1_u32..4
    ) {
        let code = Code::preset(Code::presets()[preset]).unwrap();
        let format = WeightFormat::from(code.clone());
        let machine = DatapathConfig { beat_bits: 64 * beat_words, lanes: tile_rows * words, tile_rows, ..DatapathConfig::reference(&format) };
        let matrix = random_matrix(&code, rows, columns, seed);
        let activations = Activations::new(8, 1.0, vec![1; columns]).unwrap();
        let streams = MachineStreams::new(&machine, &matrix, &activations).unwrap();
        let (weights, scales) = (weight_bytes(&machine, &matrix), row_scale_bytes(&machine, &matrix));
        prop_assert_eq!(&weights, &streams.weights);
        // Every word is where the order says.
        let order = TileOrder::new(&machine, &format, rows, columns);
        let width = format.word_bits() as usize;
        for row in 0..rows {
            for word in 0..format.words_per_row(columns) {
                let bits = read_field(&weights, order.place_of(row, word) * width, width);
                prop_assert_eq!(bits, matrix.word_bits_at(row, word));
            }
        }
        prop_assert_eq!(&matrix_from_image(&machine, &code, [rows, columns], &weights, &scales).unwrap(), &matrix);
        // And the map has the sizes of the streams.
        let map = ImageMap::new("test", &code, &machine, 64 * u64::from(beat_words), &[image_matrix("a", rows, columns)]).unwrap();
        let bytes: Vec<u64> = map.regions.iter().map(|region| region.bytes).collect();
        prop_assert_eq!(&bytes[..3], &[weights.len() as u64, scales.len() as u64, streams.activations.len() as u64]);
    }

    #[test]
    fn regions_are_aligned_and_apart(
        preset in 0..8_usize, shapes in prop::collection::vec((1_usize..5000, 1_usize..5000), 1..6), exponent in 0_u32..12
    ) {
        let code = Code::preset(Code::presets()[preset]).unwrap();
        let machine = DatapathConfig::reference(&code.clone().into());
        let matrices: Vec<_> = shapes.iter().enumerate().map(|(number, &(rows, columns))| image_matrix(&number.to_string(), rows, columns)).collect();
        let alignment = 64 << exponent;
        let mut map = ImageMap::new("test", &code, &machine, alignment, &matrices).unwrap();
        for region in &mut map.regions {
            region.crc32 = region.kind.is_stored().then_some(Crc32(0));
        }
        prop_assert_eq!(map.check(), Ok(()));
        prop_assert_eq!(map.matrices().count(), matrices.len());
        for pair in map.regions.windows(2) {
            prop_assert!(pair[0].end().unwrap() <= pair[1].address && pair[1].address - pair[0].end().unwrap() < alignment);
        }
        for region in &map.regions {
            prop_assert!(region.address.is_multiple_of(alignment) && region.bytes > 0);
        }
        prop_assert_eq!(map.regions.last().unwrap().end(), Some(map.total_bytes));
    }
}
