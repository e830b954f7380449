//! What came of a run, and how people read it.

use super::prepared::Prepared;
use crate::bench::machine::Machine;
use crate::bench::table::{Style, table};
use crate::stdout::printable;
use indicatif::HumanCount;
use seedlm_llm::evaluate::{EmbeddingDrift, nearest_embeddings};
use serde::Serialize;

/// A run.
#[derive(Serialize)]
pub struct Run {
    #[serde(flatten)]
    pub machine: Machine,
    /// Threads that worked.
    pub threads: usize,
    /// Path of the model.
    pub reference: String,
    /// Path of the sentences, or what they are.
    pub text: String,
    pub sentences: usize,
    /// Their tokens together, special ones included.
    pub tokens: usize,
    /// Matrices that differ from variant to variant, and their weights.
    pub matrices: usize,
    pub weights: u64,
    pub variants: Vec<VariantFigures>,
    /// What the reference holds for the most similar other sentence of each.
    pub reference_nearest: Vec<NearestSentence>,
    /// Time of the whole run.
    pub seconds: f64,
}

/// A variant.
#[derive(Serialize)]
pub struct VariantFigures {
    pub name: String,
    /// What it is: code, baseline, compressed, plain.
    pub kind: &'static str,
    pub bits_per_weight: f64,
    pub relative_error: f64,
    /// Matrices whose inputs are rotated.
    pub rotated_matrices: usize,
    #[serde(flatten)]
    pub drift: EmbeddingDrift,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

impl VariantFigures {
    /// Of a variant whose replaced matrices have so many weights.
    pub fn new(prepared: Prepared, weights: u64, drift: EmbeddingDrift) -> Self {
        VariantFigures {
            name: prepared.name,
            kind: prepared.kind,
            bits_per_weight: prepared.stored_bits as f64 / weights as f64,
            relative_error: prepared.relative_error,
            rotated_matrices: prepared.rotated_matrices,
            drift,
            notes: prepared.notes,
        }
    }
}

/// A sentence, the one that is most like it, and the cosine between both.
#[derive(Serialize)]
pub struct NearestSentence {
    pub sentence: String,
    pub nearest: String,
    pub cosine: f64,
}

/// The nearest other sentence of each.
pub fn nearest_sentences(texts: &[String], embeddings: &[Vec<f32>]) -> Vec<NearestSentence> {
    let nearest = nearest_embeddings(embeddings).into_iter();
    let pairs = texts
        .iter()
        .zip(nearest)
        .map(|(text, (nearest, cosine))| NearestSentence {
            sentence: text.clone(),
            nearest: texts[nearest].clone(),
            cosine,
        });
    pairs.collect()
}

/// The report for people.
pub fn text(run: &Run, style: Style) -> String {
    let facts = [
        ("reference", printable(&run.reference)),
        (
            "text",
            format!(
                "{}: {} sentences, {} tokens",
                printable(&run.text),
                HumanCount(run.sentences as u64),
                HumanCount(run.tokens as u64)
            ),
        ),
        (
            "replaced",
            format!(
                "{} matrices of {} weights, those that seedlm compresses by default and an embedding needs; all else is the reference's",
                run.matrices,
                HumanCount(run.weights)
            ),
        ),
    ];
    let line = |(name, fact): (&str, String)| match style {
        Style::Text => format!("{:<11}{fact}\n", format!("{name}:")),
        Style::Markdown => format!("* {name}: {fact}\n"),
    };
    let mut text: String = facts.into_iter().map(line).collect();
    text.push('\n');
    text.push_str(&variants(run, style));
    let between = match style {
        Style::Text => "",
        // Lines run together in Markdown where nothing stands between them.
        Style::Markdown => "\n",
    };
    text.push('\n');
    for note in run.variants.iter().flat_map(|variant| &variant.notes) {
        text.push_str(&format!("Note: {note}.\n{between}"));
    }
    text.push_str(&format!(
        "Time: {:.1} s; {} threads; {}.\n",
        run.seconds,
        run.threads,
        run.machine.line()
    ));
    text
}

fn variants(run: &Run, style: Style) -> String {
    let header = [
        "variant",
        "bits per weight",
        "relative error",
        "mean cosine",
        "median",
        "95 % reach",
        "worst",
        "same nearest, %",
        "rank correlation",
        "kind",
    ];
    let rows = run.variants.iter().map(|variant| {
        let drift = &variant.drift;
        let mut row = vec![
            printable(&variant.name),
            format!("{:.3}", variant.bits_per_weight),
            format!("{:.4}", variant.relative_error),
        ];
        let cosines = [
            drift.mean_cosine,
            drift.median_cosine,
            drift.cosine_5_percent,
            drift.worst_cosine,
        ];
        row.extend(cosines.map(|cosine| format!("{cosine:.5}")));
        row.push(format!("{:.1}", 100.0 * drift.same_nearest));
        row.push(
            drift
                .rank_correlation
                .map_or_else(String::new, |correlation| format!("{correlation:.5}")),
        );
        row.push(variant.kind.into());
        row
    });
    table(style, &header, &rows.collect::<Vec<_>>())
}
