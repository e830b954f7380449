//! Does it pay to choose the block size of the block code for each group of weights? Prints the figures behind the answer
//! in docs/decisions.md, in some minutes:
//!
//! ```text
//! cargo run --example block_sizes
//! ```
//!
//! Two families of sizes are chosen from, both by the true error of the exact encoder: no rule that looks at the weights alone,
//! such as their variance, chooses better. A flag in each group says which size it has, and counts as stored.
//!
//! * `equal_rates`: sizes that store 4 bits per weight, in words as long as the size asks for.
//! * `equal_words`: sizes that share the word of `paper-4b`, 32 bits, so that a group gets more bits or fewer.
//!
//! An adaptive choice is held against the fixed sizes of its family at the same stored bits: the logarithm of the least error at
//! a rate is taken as linear in the bits between the two nearest rates that were measured. The one scale of a matrix, which
//! is the same for all, is left out of the bits.

mod code;
mod equal_rates;
mod equal_words;
mod figures;
mod weights;

use weights::{embedded_model, gaussian, student_t};

fn main() -> anyhow::Result<()> {
    for weights in [gaussian(), student_t()?, embedded_model()?] {
        println!("{}: {} weights", weights.name, weights.count());
        equal_rates::measure(&weights)?;
        equal_words::measure(&weights)?;
        println!();
    }
    println!("(± one standard error, by leaving out each of some parts of the weights in turn)");
    Ok(())
}
