//! A text as windows that a model reads one by one.

use crate::error::LlmError;

/// How a text is cut: windows of `length` tokens, each `stride` tokens behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Tokens of a window.
    pub length: usize,
    /// Tokens from the start of one window to the start of the next: `length` for windows that do not overlap, less for
    /// sliding ones, in which each prediction but the first window's has at least `length - stride` tokens before it.
    pub stride: usize,
    /// How many windows, at most.
    pub count: usize,
}

/// One window: every token but the first is predicted from those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The tokens; the last one is only predicted, and not read.
    pub tokens: Vec<u32>,
    /// The first predictions that an earlier window has made already.
    pub counted_before: usize,
}

impl Window {
    /// The tokens that are read.
    pub fn read(&self) -> &[u32] {
        &self.tokens[..self.tokens.len() - 1]
    }

    /// For each token that is read, the one that follows.
    pub fn targets(&self) -> &[u32] {
        &self.tokens[1..]
    }
}

impl Windows {
    /// Cuts a text: in each window up to `length` tokens are read, and the one behind each of them is predicted. No token is
    /// predicted twice, the first one never; the last window may be shorter.
    ///
    /// # Errors
    /// [`LlmError::Text`] when a number is 0, the stride is longer than a window, or the text has less than two tokens.
    pub fn cut(&self, tokens: &[u32]) -> Result<Vec<Window>, LlmError> {
        if self.length == 0 || self.count == 0 || !(1..=self.length).contains(&self.stride) {
            return Err(LlmError::Text(format!(
                "{} windows of {} tokens every {} tokens: all must be at least 1, and the stride no longer than a window",
                self.count, self.length, self.stride
            )));
        }
        if tokens.len() < 2 {
            return Err(LlmError::Text(format!(
                "the text has {} tokens, and at least 2 are needed to predict one",
                tokens.len()
            )));
        }
        let mut windows = Vec::new();
        let mut predicted = 0;
        let mut start = 0;
        while windows.len() < self.count && predicted + 1 < tokens.len() {
            let end = (start + self.length + 1).min(tokens.len());
            windows.push(Window {
                tokens: tokens[start..end].to_vec(),
                counted_before: predicted - start,
            });
            predicted = end - 1;
            start += self.stride;
        }
        Ok(windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_token_but_the_first_is_predicted_once(count in 2_u32..200, length in 1_usize..40, stride in 1_usize..40) {
            let tokens: Vec<u32> = (0..count).collect();
            let stride = stride.min(length);
            let windows = Windows { length, stride, count: usize::MAX }.cut(&tokens).unwrap();
            let counted: Vec<u32> = windows.iter().flat_map(|window| window.targets()[window.counted_before..].to_vec()).collect();
            prop_assert_eq!(counted, (1..count).collect::<Vec<u32>>());
            for window in &windows {
                prop_assert!(window.read().len() <= length);
                prop_assert!(window.counted_before < window.read().len());
                let follows = window.read().iter().zip(window.targets()).all(|(read, target)| read + 1 == *target);
                prop_assert!(follows);
            }
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let windows = |length, stride, count| Windows { length, stride, count };
        for (wrong, tokens) in [
            (windows(0, 0, 1), 5),
            (windows(4, 5, 1), 5),
            (windows(4, 0, 1), 5),
            (windows(4, 4, 0), 5),
            (windows(4, 4, 1), 1),
        ] {
            assert!(wrong.cut(&vec![0; tokens]).is_err(), "{wrong:?} {tokens}");
        }
    }
}
