//! All that decides the bytes of an output: a run is resumed only where nothing of it differs.

use crate::compress::CompressOptions;
use crate::encoding::Encoding;
use crate::plan::Plan;
use crate::survey::SurveyedFile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the work folder's layout. Another one cannot be resumed.
const WORK_VERSION: u64 = 2;

/// What a run is made of, as the journal's first line says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    work_version: u64,
    /// Program and version.
    generator: String,
    /// Labels of the codes, for messages.
    label: String,
    /// The ways in which matrices are encoded, each once.
    encodings: Vec<EncodingRecipe>,
    /// The matrices, in the plan's order.
    matrices: Vec<MatrixRecipe>,
    /// What the moments of a calibrated compression come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<String>,
    include: Vec<String>,
    exclude: Vec<String>,
    /// The source's weight files, with checksums of all their bytes: a copy of a file is the same file, whatever its time says.
    files: Vec<SurveyedFile>,
}

/// A matrix that is compressed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatrixRecipe {
    name: String,
    /// The place of its way among the encodings.
    encoding: usize,
}

/// One way in which matrices are encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodingRecipe {
    layers: Vec<serde_json::Value>,
    quantizer: Option<String>,
    rotate: String,
    /// Of layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale_trials: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale_group: Option<usize>,
}

impl EncodingRecipe {
    fn of(encoding: &Encoding) -> Self {
        let layers = encoding.layers().iter();
        EncodingRecipe {
            // Parameters of a code are numbers: they have a text.
            layers: layers
                .map(|code| serde_json::to_value(code).unwrap_or_default())
                .collect(),
            // The chained code has none.
            quantizer: encoding.has_block_code().then(|| encoding.quantizer().to_string()),
            rotate: encoding.rotate().to_string(),
            scale_trials: encoding.has_layers().then(|| encoding.scale_trials()),
            scale_group: encoding.scale_group(),
        }
    }
}

impl Recipe {
    /// The recipe of a run with these options, on files that are not known yet.
    pub(crate) fn of_options(options: &CompressOptions, plan: &Plan) -> Self {
        let [include, exclude] = options.rules.patterns();
        Recipe {
            work_version: WORK_VERSION,
            generator: concat!("seedlm ", env!("CARGO_PKG_VERSION")).into(),
            label: plan.code.clone(),
            encodings: plan.encodings.iter().map(EncodingRecipe::of).collect(),
            matrices: plan
                .compressed
                .iter()
                .map(|matrix| MatrixRecipe {
                    name: matrix.name.clone(),
                    encoding: matrix.encoding_number,
                })
                .collect(),
            calibration: options
                .moments
                .as_ref()
                .map(|moments| format!("{}, moments {:08x}", moments.origin(), moments.crc32())),
            include,
            exclude,
            files: Vec::new(),
        }
    }

    /// The same on these files.
    pub(crate) fn on_files(mut self, files: &[SurveyedFile]) -> Self {
        self.files = files.to_vec();
        self
    }

    /// What differs in options and program from the recipe of the unfinished run, for people; none if nothing does.
    pub(crate) fn options_difference(&self, unfinished: &Recipe) -> Option<String> {
        let versions = |recipe: &Recipe| format!("{} (work folder version {})", recipe.generator, recipe.work_version);
        let changed =
            |what: &str, was: String, is: String| (was != is).then(|| format!("{what} was {was} and is {is}"));
        let quantizer = |recipe: &Recipe| recipe.stated(|encoding| encoding.quantizer.clone());
        let rotate = |recipe: &Recipe| recipe.stated(|encoding| Some(encoding.rotate.clone()));
        let scale_trials =
            |recipe: &Recipe| recipe.stated(|encoding| encoding.scale_trials.map(|trials| trials.to_string()));
        let scale_group =
            |recipe: &Recipe| recipe.stated(|encoding| encoding.scale_group.map(|columns| columns.to_string()));
        let calibration = |recipe: &Recipe| recipe.calibration.clone().unwrap_or("not given".into());
        let differences = [
            changed("the program", versions(unfinished), versions(self)),
            changed("--code", unfinished.label.clone(), self.label.clone()),
            changed("--quantizer", quantizer(unfinished), quantizer(self)).filter(|_| unfinished.label == self.label),
            changed("--rotate", rotate(unfinished), rotate(self)),
            changed("--scale-trials", scale_trials(unfinished), scale_trials(self))
                .filter(|_| unfinished.label == self.label),
            changed("--scale-group", scale_group(unfinished), scale_group(self)),
            changed("--calibrate", calibration(unfinished), calibration(self)),
            changed("--include", patterns(&unfinished.include), patterns(&self.include)),
            changed("--exclude", patterns(&unfinished.exclude), patterns(&self.exclude)),
        ];
        let differences: Vec<String> = differences.into_iter().flatten().collect();
        let names =
            |recipe: &Recipe| -> Vec<String> { recipe.matrices.iter().map(|matrix| matrix.name.clone()).collect() };
        if differences.is_empty() && names(self) != names(unfinished) {
            return Some("which tensors are compressed has changed".into());
        }
        let ways = |recipe: &Recipe| (recipe.encodings.clone(), recipe.matrices.clone());
        if differences.is_empty() && ways(self) != ways(unfinished) {
            return Some("the parameters of the codes, or which matrix has which, have changed".into());
        }
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// What the encodings say of something, each once; or that they say nothing.
    fn stated(&self, what: impl Fn(&EncodingRecipe) -> Option<String>) -> String {
        let stated: BTreeSet<String> = self.encodings.iter().filter_map(what).collect();
        match stated.is_empty() {
            true => "none".into(),
            false => stated.into_iter().collect::<Vec<_>>().join(" and "),
        }
    }

    /// What differs in the source's files from the recipe of the unfinished run; none if nothing does.
    pub(crate) fn files_difference(&self, unfinished: &Recipe) -> Option<String> {
        let names = |recipe: &Recipe| -> Vec<String> { recipe.files.iter().map(|file| file.name.clone()).collect() };
        if names(self) != names(unfinished) {
            return Some(format!(
                "the weight files were {} and are {}",
                names(unfinished).join(", "),
                names(self).join(", ")
            ));
        }
        let mut pairs = unfinished.files.iter().zip(&self.files);
        let (was, is) = pairs.find(|(was, is)| was != is)?;
        Some(format!(
            "the input file {} has changed: it had {} bytes and the checksum {}, and has {} bytes and {}",
            is.name, was.bytes, was.crc32, is.bytes, is.crc32
        ))
    }
}

fn patterns(patterns: &[String]) -> String {
    if patterns.is_empty() {
        "not given".into()
    } else {
        format!("{patterns:?}")
    }
}
