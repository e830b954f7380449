//! The work folder of a compression, `.NAME.seedlm-work` beside the output `NAME` (a name that is too long for that is cut, and
//! has a checksum): what is finished is kept there until the output is complete, so that a run that was stopped or killed can be
//! resumed.
//!
//! * `journal`: lines of JSON. The first is the recipe: all that decides the output's bytes. Each further one is a finished
//!   matrix, appended when its part is safe on the disk. A line without an end was never written; one that is damaged is skipped.
//!   Empty, it says that nothing in the folder is of use.
//! * `NUMBER.part`: words and then scales of a finished matrix.
//! * `.*.tmp`: the output in the making; of no use to another run.
//!
//! The run that uses the folder holds a lock on the journal, which ends with its process.

mod folder;
mod journal;
mod part;
mod recipe;

pub(crate) use folder::WorkFolder;
pub(crate) use journal::FinishedMatrix;
pub(crate) use part::PartBytes;
pub(crate) use recipe::Recipe;
