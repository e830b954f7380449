//! How far embeddings move when the weights change, and what a search among them makes of that.

use serde::Serialize;

/// Embeddings of a variant beside those of the reference, of the same sentences.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmbeddingDrift {
    /// Cosine of the angle between the reference's and the variant's embedding of a sentence, in the mean.
    pub mean_cosine: f64,
    /// The median of them.
    pub median_cosine: f64,
    /// The cosine that 95 % of the sentences reach.
    pub cosine_5_percent: f64,
    /// The least.
    pub worst_cosine: f64,
    /// Number of the sentence that has it, from 0.
    pub worst_sentence: usize,
    /// Share of the sentences whose nearest other sentence is the same in both.
    pub same_nearest: f64,
    /// Spearman's correlation between the similarities of all pairs of sentences in both; none where all are alike.
    pub rank_correlation: Option<f64>,
    /// The cosine of each sentence.
    pub cosines: Vec<f64>,
}

impl EmbeddingDrift {
    /// Holds embeddings against those of the reference, sentence by sentence.
    ///
    /// # Panics
    /// When there are fewer than two sentences, or the numbers of sentences or the lengths of vectors differ.
    pub fn of(reference: &[Vec<f32>], variant: &[Vec<f32>]) -> Self {
        assert!(
            reference.len() >= 2 && reference.len() == variant.len(),
            "the same sentences, two at least"
        );
        let pairs = reference.iter().zip(variant);
        let cosines: Vec<f64> = pairs.map(|(reference, variant)| cosine(reference, variant)).collect();
        let (before, after) = (Similarities::of(reference), Similarities::of(variant));
        let count = cosines.len();
        let same = (0..count).filter(|&number| before.nearest(number) == after.nearest(number));
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&one, &other| cosines[one].total_cmp(&cosines[other]));
        let sorted: Vec<f64> = order.iter().map(|&number| cosines[number]).collect();
        EmbeddingDrift {
            mean_cosine: cosines.iter().sum::<f64>() / count as f64,
            median_cosine: (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0,
            // As many sentences as are 95 % of them, or one more, lie at it or above.
            cosine_5_percent: sorted[count - (count * 95).div_ceil(100)],
            worst_cosine: sorted[0],
            worst_sentence: order[0],
            same_nearest: same.count() as f64 / count as f64,
            rank_correlation: correlation(&ranks(&before.of_pairs()), &ranks(&after.of_pairs())),
            cosines,
        }
    }
}

/// For each embedding the number of the most similar other one, and the cosine between both.
///
/// # Panics
/// When there are fewer than two.
pub fn nearest_embeddings(embeddings: &[Vec<f32>]) -> Vec<(usize, f64)> {
    let similarities = Similarities::of(embeddings);
    let nearest = |number: usize| similarities.nearest(number).expect("two embeddings at least");
    let with_cosine = |number| (nearest(number), similarities.rows[number][nearest(number)]);
    (0..embeddings.len()).map(with_cosine).collect()
}

/// Cosine of the angle between two vectors; exactly 1 for equal ones.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "vectors of one model");
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0)
}

/// Cosines of all pairs of sentences.
struct Similarities {
    rows: Vec<Vec<f64>>,
}

impl Similarities {
    fn of(embeddings: &[Vec<f32>]) -> Self {
        let row = |one: &Vec<f32>| embeddings.iter().map(|other| cosine(one, other)).collect();
        Similarities {
            rows: embeddings.iter().map(row).collect(),
        }
    }

    /// The most similar other sentence; the first of several.
    fn nearest(&self, number: usize) -> Option<usize> {
        let others = (0..self.rows.len()).filter(|&other| other != number);
        others.reduce(|best, other| match self.rows[number][other] > self.rows[number][best] {
            true => other,
            false => best,
        })
    }

    /// Each pair once.
    fn of_pairs(&self) -> Vec<f64> {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(number, row)| row[number + 1..].iter().copied())
            .collect()
    }
}

/// The place of each value in their order; equal ones share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&one, &other| values[one] == values[other]) {
        let rank = start as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|&place| ranks[place] = rank);
        start += equal.len();
    }
    ranks
}

/// Pearson's correlation; none where one of both does not vary.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        product += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    (square_a > 0.0 && square_b > 0.0).then(|| (product / (square_a * square_b).sqrt()).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_embeddings_do_not_drift_and_lengths_do_not_count(
            vectors in prop::collection::vec(prop::collection::vec(0.1..2.0_f32, 3), 3..20),
            factor in prop::sample::select(vec![0.25_f32, 2.0, 16.0]),
        ) {
            let scaled: Vec<Vec<f32>> = vectors.iter().map(|vector| vector.iter().map(|value| value * factor).collect()).collect();
            let drift = EmbeddingDrift::of(&vectors, &scaled);
            prop_assert_eq!((drift.mean_cosine, drift.worst_cosine, drift.same_nearest), (1.0, 1.0, 1.0));
            prop_assert!(drift.rank_correlation.is_none_or(|correlation| correlation > 1.0 - 1e-12));
        }

        #[test]
        fn figures_are_in_their_order(
            reference in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, 4), 25),
            variant in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, 4), 25),
        ) {
            let drift = EmbeddingDrift::of(&reference, &variant);
            prop_assert!(-1.0 <= drift.worst_cosine && drift.worst_cosine <= drift.cosine_5_percent);
            prop_assert!(drift.cosine_5_percent <= drift.median_cosine && drift.median_cosine <= 1.0);
            prop_assert_eq!(drift.cosines[drift.worst_sentence], drift.worst_cosine);
            // 24 of 25 are 96 %.
            prop_assert_eq!(drift.cosines.iter().filter(|&&cosine| cosine >= drift.cosine_5_percent).count(), 24);
        }
    }

    #[test]
    fn a_turned_sentence_is_seen_in_every_figure() {
        let reference = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]].map(Vec::from);
        // The first one has turned to the third.
        let variant = [[0.0, 2.0], [0.9, 0.1], [0.0, 1.0]].map(Vec::from);
        let drift = EmbeddingDrift::of(&reference, &variant);
        assert_eq!((drift.worst_cosine, drift.worst_sentence), (0.0, 0));
        assert!((drift.mean_cosine - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((drift.median_cosine, drift.cosine_5_percent), (1.0, 0.0));
        // Nearest before: 1, 0, 1; after: 2, 0 (as near as 2, and before it), 0.
        assert!((drift.same_nearest - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            nearest_embeddings(&variant)
                .iter()
                .map(|&(nearest, _)| nearest)
                .collect::<Vec<_>>(),
            [2, 0, 0]
        );
        // Pairs before: 2, 0, 1 in order; after: 1/2, 2, 1/2.
        assert!((drift.rank_correlation.unwrap() + 3.0_f64.sqrt() / 2.0).abs() < 1e-12);
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 0.0]), [2.5, 1.0, 2.5, 0.0]);
        assert_eq!(correlation(&[1.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
    }
}
