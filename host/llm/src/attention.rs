//! Causal attention of queries that share keys and values (grouped-query attention, arXiv 2305.13245).

use crate::arithmetic::{add_scaled, dot, softmax};
use crate::cache::LayerCache;
use crate::config::ModelConfig;
use rayon::prelude::*;

/// Attention of some tokens, the last ones that the cache holds, to all tokens up to each of them. `queries` are turned
/// already; the answer has the queries' shape. Heads and tokens are shared out among the threads; none of them depends
/// on another.
pub(crate) fn attend(config: &ModelConfig, queries: &[f32], cache: &LayerCache, known: usize) -> Vec<f32> {
    let size = config.head_size;
    let shared_by = config.query_heads / config.key_value_heads;
    let scale = 1.0 / (size as f32).sqrt();
    let mut attended = vec![0.0; queries.len()];
    let heads = attended.par_chunks_mut(size).zip(queries.par_chunks(size)).enumerate();
    heads.with_min_len(4).for_each(|(number, (attended, query))| {
        let (token, head) = (number / config.query_heads, number % config.query_heads);
        let seen = known + token + 1;
        let key_value_head = head / shared_by;
        let keys = cache.keys(key_value_head, seen).chunks(size);
        let mut shares: Vec<f32> = keys.map(|key| dot(query, key) * scale).collect();
        softmax(&mut shares);
        for (share, value) in shares.iter().zip(cache.values(key_value_head, seen).chunks(size)) {
            add_scaled(attended, *share, value);
        }
    });
    attended
}
