//! Text in SVG pictures.

/// A text as it may stand in XML; control characters are left out.
pub fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text of at most so many characters: the middle of a longer one is left out, since the names of tensors differ at both ends.
pub fn shortened(text: &str, most: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= most {
        return text.into();
    }
    let kept = most.saturating_sub(1);
    let tail = &characters[characters.len() - kept.div_ceil(2)..];
    characters[..kept / 2].iter().chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_picture() {
        assert_eq!(escaped("a<b>&\u{1b}c"), "a&lt;b&gt;&amp;c");
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefgh", 6), "ab…fgh");
        assert_eq!(shortened("größe", 4), "g…ße");
    }
}
