//! What `seedlm compress` says for people, before and after.

use crate::stdout::{decibels, printable};
use indicatif::{BinaryBytes, DecimalBytes, HumanCount, HumanDuration};
use seedlm_model::{CompressReport, Footprint, Plan};
use std::fmt::Write;
use std::time::Duration;

/// A dry run for people.
pub fn planned(plan: &Plan, estimated_seconds: Option<f64>, footprint: &Footprint) -> String {
    let mut text = String::new();
    for matrix in &plan.compressed {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{} {:?} {} -> {} {:.2} bits/weight  {} -> {}",
            printable(&matrix.name),
            matrix.shape,
            matrix.source_dtype,
            matrix.code,
            matrix.bits_per_weight,
            DecimalBytes(matrix.input_bytes),
            DecimalBytes(matrix.output_bytes)
        );
    }
    for tensor in &plan.kept {
        let bytes = DecimalBytes(tensor.bytes);
        let _ = writeln!(
            text,
            "{} {:?} {} kept ({})  {bytes}",
            printable(&tensor.name),
            tensor.shape,
            tensor.dtype,
            tensor.reason
        );
    }
    let time = estimated_seconds.map_or("nothing to encode".into(), |seconds| {
        if seconds < 60.0 {
            format!("about {seconds:.1} s of encoding")
        } else {
            format!("about {} of encoding", HumanDuration(Duration::from_secs_f64(seconds)))
        }
    });
    let _ = writeln!(
        text,
        "\ndry run, nothing written: {} tensors to compress, {} to keep, {time}",
        plan.compressed.len(),
        plan.kept.len()
    );
    sizes(&mut text, plan.input_bytes, plan.output_bytes);
    bits(&mut text, plan.bits_per_compressed_weight, plan.bits_per_weight);
    let _ = writeln!(
        text,
        "  memory           up to {}; --memory takes {} or more",
        BinaryBytes(footprint.most_bytes()),
        BinaryBytes(footprint.least_bytes())
    );
    text
}

/// A run for people.
pub fn summary(report: &CompressReport, output: &str) -> String {
    let mut text = format!(
        "{output}: {} matrices in {}, {} tensors kept\n",
        report.matrices.len(),
        report.code,
        report.kept_tensors
    );
    sizes(&mut text, report.input_bytes, report.output_bytes);
    if report.matrices.is_empty() {
        text.push_str("  nothing was compressed: no tensor is a matrix of a linear layer; --verbose says why, --include changes it\n");
        return text;
    }
    bits(&mut text, report.bits_per_compressed_weight, report.bits_per_weight);
    let _ = writeln!(
        text,
        "  relative error   {:.4} over all compressed weights, {}",
        report.relative_error,
        decibels(report.sqnr_db)
    );
    if let (Some(median), Some(largest)) = (report.median_relative_error, report.largest_relative_error) {
        let _ = writeln!(
            text,
            "                   of the matrices: median {median:.4}, largest {largest:.4}"
        );
    }
    for (number, prefix) in report.prefixes.iter().enumerate().filter(|_| report.prefixes.len() > 1) {
        let title = if number == 0 { "after layer" } else { "" };
        let _ = writeln!(
            text,
            "  {title:<15}  {}: relative error {:.4}, {:.3} bits per compressed weight",
            number + 1,
            prefix.relative_error,
            prefix.bits_per_compressed_weight
        );
    }
    let _ = writeln!(
        text,
        "  rotated          {} of {} matrices",
        report.rotated_matrices,
        report.matrices.len()
    );
    let mut worst: Vec<_> = report.matrices.iter().collect();
    worst.sort_by(|left, right| right.relative_error.total_cmp(&left.relative_error));
    for (place, matrix) in worst.iter().take(5).enumerate() {
        let title = if place == 0 { "worst tensors" } else { "" };
        let _ = writeln!(
            text,
            "  {title:<15}  {:.4} {}",
            matrix.relative_error,
            printable(&matrix.name)
        );
    }
    let _ = writeln!(
        text,
        "  time             {:.1} s, {} encoding {:.1} s: {} weights/s",
        report.seconds,
        if report.resumed_matrices > 0 {
            "and with the earlier run's"
        } else {
            "of which"
        },
        report.encode_seconds,
        HumanCount(report.weights_per_s as u64)
    );
    text
}

fn sizes(text: &mut String, input_bytes: u64, output_bytes: u64) {
    let (larger, smaller) = (input_bytes.max(output_bytes), input_bytes.min(output_bytes));
    let _ = writeln!(
        text,
        "  size             {} -> {} ({:.2} times {})",
        DecimalBytes(input_bytes),
        DecimalBytes(output_bytes),
        larger as f64 / smaller as f64,
        if output_bytes > input_bytes {
            "larger"
        } else {
            "smaller"
        }
    );
}

fn bits(text: &mut String, compressed: f64, whole: f64) {
    let _ = writeln!(
        text,
        "  bits per weight  {compressed:.3} of the compressed matrices (words and scales), {whole:.3} of the whole model (whole files)"
    );
}
