//! A Llama-family language model whose matrix-vector products are pluggable.
