//! The banked memory against closed forms, its gates one by one, and a checker that knows no scheduler.

mod checker;
mod closed_forms;
mod gates;
mod presets;
mod random;
mod support;
