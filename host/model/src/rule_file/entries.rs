//! Tables of a TOML text whose keys are known, with the line of everything that is wrong.

use crate::error::ModelError;
use crate::near_names::near_names;
use std::fmt::Display;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text and the path that stands for it in messages.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Text<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Text { path, text }
    }

    /// The line of a byte, from 1.
    fn line(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().iter().take(byte);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }

    /// Something is wrong at a byte.
    pub(super) fn refuse(&self, byte: usize, reason: String) -> ModelError {
        ModelError::RuleFile {
            path: self.path.to_path_buf(),
            line: self.line(byte),
            reason,
        }
    }

    /// The tables of that name, `[[name]]`; nothing else may stand in the text.
    pub(super) fn tables(&self, name: &'static str) -> Result<Vec<Spanned<DeTable<'a>>>, ModelError> {
        let document = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.refuse(at, format!("not TOML: {}", error.message()))
        })?;
        let mut tables = Vec::new();
        for (key, value) in document.into_inner() {
            if key.get_ref() != name {
                let reason = format!("unknown key {:?}; rules are tables [[{name}]]", key.get_ref());
                return Err(self.refuse(key.span().start, reason));
            }
            let not_tables = || self.refuse(key.span().start, format!("{name} must be tables [[{name}]]"));
            let DeValue::Array(values) = value.into_inner() else {
                return Err(not_tables());
            };
            for value in values {
                let span = value.span();
                let DeValue::Table(table) = value.into_inner() else {
                    return Err(not_tables());
                };
                tables.push(Spanned::new(span, table));
            }
        }
        Ok(tables)
    }
}

/// One table.
pub(super) struct Entries<'a> {
    text: Text<'a>,
    table: &'a Spanned<DeTable<'a>>,
}

impl<'a> Entries<'a> {
    /// A table in which no other keys stand than these.
    pub(super) fn new(text: Text<'a>, table: &'a Spanned<DeTable<'a>>, keys: &[&str]) -> Result<Self, ModelError> {
        let unknown = table.get_ref().keys().find(|key| !keys.contains(&&**key.get_ref()));
        if let Some(key) = unknown {
            let near = near_names(key.get_ref(), keys).join(", ");
            let reason = format!("unknown key {:?}; the nearest keys are {near}", key.get_ref());
            return Err(text.refuse(key.span().start, reason));
        }
        Ok(Entries { text, table })
    }

    /// The line the table begins in, from 1.
    pub(super) fn line(&self) -> usize {
        self.text.line(self.table.span().start)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Something is wrong with the value of a key, or with the table where it does not have that key.
    pub(super) fn refuse(&self, key: &str, reason: String) -> ModelError {
        let at = self.value(key).map_or(self.table.span(), Spanned::span);
        self.text.refuse(at.start, reason)
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut entries = self.table.get_ref().iter();
        entries
            .find(|(known, _)| known.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn wrong_type(&self, key: &str, expected: &str) -> ModelError {
        let found = self.value(key).map_or("missing", |value| value.get_ref().type_str());
        self.refuse(key, format!("{key} must be {expected}, and is {found}"))
    }

    /// A text, or none where the key is not there.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ModelError> {
        let read = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong_type(key, "a string")),
        };
        self.value(key).map(read).transpose()
    }

    /// A text or a list of them, which must be there.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, ModelError> {
        let wrong = || self.wrong_type(key, "a string or an array of strings");
        match self.value(key).map(Spanned::get_ref) {
            Some(DeValue::String(text)) => Ok(vec![text.to_string()]),
            Some(DeValue::Array(values)) => {
                let texts = values.iter().map(|value| value.get_ref().as_str().map(String::from));
                texts.collect::<Option<Vec<String>>>().ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        let read = |value: &Spanned<DeValue<'_>>| value.get_ref().as_bool();
        let wrong = || self.wrong_type(key, "true or false");
        self.value(key).map(|value| read(value).ok_or_else(wrong)).transpose()
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ModelError> {
        let read = |value: &Spanned<DeValue<'_>>| {
            let number = value.get_ref().as_integer()?;
            u64::from_str_radix(number.as_str(), number.radix()).ok()
        };
        let wrong = || self.wrong_type(key, "a whole number that is not negative");
        self.value(key).map(|value| read(value).ok_or_else(wrong)).transpose()
    }

    /// One of some values, by its name.
    pub(super) fn one_of<T: Copy + Display>(&self, key: &str, values: &[T]) -> Result<Option<T>, ModelError> {
        let Some(name) = self.text(key)? else {
            return Ok(None);
        };
        let known: Vec<String> = values.iter().map(T::to_string).collect();
        match known.iter().position(|known| *known == name) {
            Some(place) => Ok(Some(values[place])),
            None => Err(self.refuse(key, format!("{key} is one of {}, and not {name:?}", known.join(", ")))),
        }
    }
}
