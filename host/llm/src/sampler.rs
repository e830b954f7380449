//! Which token comes next.

use crate::arithmetic::softmax;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// What the logits are divided by; 0 takes the most likely token.
    pub temperature: f32,
    /// How many of the most likely tokens are kept; 0 keeps all.
    pub top_k: usize,
    /// Of those, the most likely ones whose probabilities together reach this share, 0 to 1.
    pub top_p: f32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Sampling {
    /// Always the most likely token.
    pub const GREEDY: Sampling = Sampling {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        seed: 0,
    };
}

/// Chooses tokens: the same ones from the same logits and seed, on every machine.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at the beginning of its random numbers.
    pub fn new(sampling: Sampling) -> Self {
        Sampler {
            random: ChaCha8Rng::seed_from_u64(sampling.seed),
            sampling,
        }
    }

    /// The next token; of several with the same logit the first goes before.
    ///
    /// # Panics
    /// When there are no logits.
    pub fn choose(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        let descending = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
        if self.sampling.temperature <= 0.0 {
            return *order.iter().min_by(|a, b| descending(a, b)).expect("there are logits");
        }
        order.sort_unstable_by(descending);
        if self.sampling.top_k > 0 {
            order.truncate(self.sampling.top_k);
        }
        let largest = logits[order[0] as usize];
        let mut probabilities: Vec<f32> = order
            .iter()
            // From the largest one, so that no temperature makes an infinity of it.
            .map(|&token| (logits[token as usize] - largest) / self.sampling.temperature)
            .collect();
        softmax(&mut probabilities);
        let mut sum = 0.0;
        let enough = probabilities.iter().position(|probability| {
            sum += probability;
            sum >= self.sampling.top_p
        });
        let kept = enough.map_or(probabilities.len(), |last| last + 1);
        let total: f32 = probabilities[..kept].iter().sum();
        let mut left = self.random.random::<f32>() * total;
        for (&token, probability) in order.iter().zip(&probabilities[..kept]) {
            left -= probability;
            if left < 0.0 {
                return token;
            }
        }
        order[kept - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sampling(temperature: f32, top_k: usize, top_p: f32) -> Sampling {
        Sampling {
            temperature,
            top_k,
            top_p,
            seed: 7,
        }
    }

    #[test]
    fn the_first_of_the_most_likely_is_taken() {
        assert_eq!(Sampler::new(Sampling::GREEDY).choose(&[0.5, 2.0, 2.0, -1.0]), 1);
    }

    #[test]
    fn next_to_no_temperature_takes_the_most_likely() {
        for temperature in [f32::MIN_POSITIVE, 1e-38, 1e-20] {
            assert_eq!(
                Sampler::new(sampling(temperature, 0, 1.0)).choose(&[1.0, 30.0, -4.0]),
                1
            );
        }
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let logits = [1.0_f32, 0.0, 2.0];
        let mut sampler = Sampler::new(sampling(1.0, 0, 1.0));
        let mut counts = [0_f32; 3];
        for _ in 0..20_000 {
            counts[sampler.choose(&logits) as usize] += 1.0 / 20_000.0;
        }
        let total: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (count, logit) in counts.iter().zip(logits) {
            assert!((count - logit.exp() / total).abs() < 0.015, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn limits_hold(logits in prop::collection::vec(-5.0..5.0_f32, 1..40), top_k in 1_usize..10, top_p in 0.0..1.0_f32) {
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let mut sampler = Sampler::new(sampling(0.8, top_k, 1.0));
            for _ in 0..20 {
                let chosen = sampler.choose(&logits) as usize;
                prop_assert!(order[..top_k.min(order.len())].contains(&chosen));
            }
            // A share that the most likely token reaches alone leaves no other.
            let mut sampler = Sampler::new(sampling(0.8, 0, top_p.min(1.0 / logits.len() as f32)));
            prop_assert_eq!(sampler.choose(&logits) as usize, order[0]);
            let mut greedy = Sampler::new(Sampling::GREEDY);
            prop_assert_eq!(greedy.choose(&logits) as usize, order[0]);
        }
    }
}
