//! Writes the memory image of a container, one matrix at a time.

use super::beats::BeatWriter;
use super::files::NewFile;
use crate::container::{CompressedMatrix, Container};
use crate::error::ModelError;
use crate::output::write_bytes;
use crate::progress::{MatrixStep, Progress, check_stop};
use seedlm_codec::Crc32;
use seedlm_codec::machine::image::{ImageMap, ImageMatrix, Region, RegionKind, row_scale_bytes};
use seedlm_codec::machine::{DatapathConfig, walk_weight_beats};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

/// How an image is written.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// The machine that it is for.
    pub machine: DatapathConfig,
    /// Every region starts at a multiple of so many bytes.
    pub alignment_bytes: u64,
    /// Write text for `$readmemh`, a beat in a line, in place of bytes.
    pub hex: bool,
    /// Whether outputs that exist are replaced.
    pub replace: bool,
}

/// What has been written.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReport {
    /// Matrices in the image.
    pub matrices: usize,
    /// Label of their code.
    pub code: String,
    /// Number of matrices whose activations must be rotated.
    pub rotated_matrices: usize,
    /// Tensors that are not in the image: they are kept as they were in the container, and no machine runs them.
    pub skipped_tensors: Vec<String>,
    /// Bytes of the weight streams.
    pub weight_bytes: u64,
    /// Size of the image in bytes.
    pub stored_bytes: u64,
    /// Bytes of memory that it takes, with the room for activations and results.
    pub total_bytes: u64,
    /// Size of the image's file in bytes: `stored_bytes`, unless it is text.
    pub file_bytes: u64,
    /// Time for everything, in seconds.
    pub seconds: f64,
}

/// Writes all compressed matrices of a container to the file `image`, and the address map to the file `map`.
///
/// # Errors
/// [`ModelError`]; nothing is left under either name then, except what was there before.
pub fn write_image(
    container: &Container,
    image: &Path,
    map: &Path,
    options: &ImageOptions,
    progress: &dyn Progress,
) -> Result<ImageReport, ModelError> {
    let begun = Instant::now();
    let mut layout = lay_out(container, options)?;
    let source = container.source();
    let image_file = NewFile::begin(source, image, options.replace)?;
    let map_file = NewFile::begin(source, map, options.replace)?;
    if image == map || (image.file_name() == map.file_name() && image.canonicalize().ok() == map.canonicalize().ok()) {
        return Err(ModelError::Output {
            path: map.to_path_buf(),
            reason: "is the image; choose another name for the map".into(),
        });
    }
    progress.writing(image_file.path());
    let file_bytes = image_file.fill(|path, writer| {
        let mut writer = BeatWriter {
            path,
            writer,
            progress,
            beat_bytes: layout.beat_bytes as usize,
            hex: options.hex,
            address: 0,
        };
        let pairs = layout.regions.chunks_exact_mut(2).zip(container.matrices());
        for (number, (regions, info)) in pairs.enumerate() {
            let [weights, scales] = regions else { continue };
            check_stop(progress)?;
            progress.start(&MatrixStep {
                number: number + 1,
                count: container.matrices().len(),
                name: info.name.clone(),
                rows: info.rows,
                columns: info.columns,
                source_dtype: info.source_dtype,
                code: info.code_label(),
            });
            write_matrix(container, info, &options.machine, [weights, scales], &mut writer)?;
        }
        Ok(())
    })?;
    progress.writing(map_file.path());
    let text = serde_json::to_string_pretty(&layout).unwrap_or_default() + "\n";
    map_file.fill(|path, writer| write_bytes(path, writer, text.as_bytes(), progress))?;
    check_stop(progress)?;
    NewFile::persist_both(image_file, map_file)?;
    let weights = layout
        .regions
        .iter()
        .filter(|region| region.kind == RegionKind::Weights);
    Ok(ImageReport {
        matrices: container.matrices().len(),
        code: layout.code.label(),
        rotated_matrices: container.rotated_matrices(),
        skipped_tensors: container.kept().map(|info| info.name.clone()).collect(),
        weight_bytes: weights.map(|region| region.bytes).sum(),
        stored_bytes: layout.stored_bytes,
        total_bytes: layout.total_bytes,
        file_bytes,
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// The map of a container's matrices, without checksums. They must have one code: a machine decodes one.
fn lay_out(container: &Container, options: &ImageOptions) -> Result<ImageMap, ModelError> {
    let path = container.source().path();
    let Some(first) = container.matrices().first() else {
        return Err(ModelError::image(
            path,
            "no tensor of it is compressed, so there is nothing to put into an image; compress it with --include",
        ));
    };
    for info in container.matrices() {
        let refuse = |reason| {
            Err(ModelError::tensor(
                container.source().file_path(info.file),
                &info.name,
                reason,
            ))
        };
        if info.layers.len() > 1 {
            return refuse(format!(
                "it has {} layers, and an image holds matrices of one; `seedlm truncate --layers 1` makes a model of the first",
                info.layers.len()
            ));
        }
        if let Some(group) = info.scale_group {
            return refuse(format!(
                "it has a scale for every {group} columns, and an image holds one for each row; compress the model again without --scale-group"
            ));
        }
        if info.only_code() != first.only_code() {
            return refuse(format!(
                "its code is {}, and that of {:?} is {}: an image is for a machine, which has one code; compress all of the model in one",
                info.code_label(),
                first.name,
                first.code_label()
            ));
        }
        if info.columns > options.machine.largest_columns as usize {
            return refuse(format!(
                "its {} columns do not fit a machine with largest_columns = {}; give --config largest_columns={} for a machine that is built so",
                info.columns, options.machine.largest_columns, info.columns
            ));
        }
    }
    let matrices: Vec<ImageMatrix> = container.matrices().iter().map(image_matrix).collect();
    let tool = concat!("seedlm ", env!("CARGO_PKG_VERSION"));
    ImageMap::new(
        tool,
        &first.layers[0].code,
        &options.machine,
        options.alignment_bytes,
        &matrices,
    )
    .map_err(|error| ModelError::image(path, error))
}

/// A matrix as the layout knows it.
pub(super) fn image_matrix(info: &CompressedMatrix) -> ImageMatrix {
    ImageMatrix {
        tensor: info.name.clone(),
        rows: info.rows,
        columns: info.columns,
        rotation: info.rotation,
    }
}

/// Writes a matrix and puts the checksums into its regions.
fn write_matrix(
    container: &Container,
    info: &CompressedMatrix,
    machine: &DatapathConfig,
    [weights, scales]: [&mut Region; 2],
    writer: &mut BeatWriter,
) -> Result<(), ModelError> {
    // The layout has refused more layers.
    let matrix = container.matrix(info)?.into_layers().swap_remove(0);
    writer.pad_to(weights.address)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut advanced = 0;
    walk_weight_beats(machine, &matrix, |beats| {
        hasher.update(beats);
        writer.put(beats)?;
        let share = (writer.address - weights.address) as f64 / weights.bytes as f64;
        let done = (share * info.weights() as f64) as usize;
        writer.progress.advance(done - advanced);
        advanced = done;
        Ok(())
    })?;
    weights.crc32 = Some(Crc32(hasher.finalize()));
    let bytes = row_scale_bytes(machine, &matrix);
    writer.pad_to(scales.address)?;
    writer.put(&bytes)?;
    scales.crc32 = Some(Crc32::of(&bytes));
    Ok(())
}
