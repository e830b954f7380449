use super::*;
use proptest::prelude::*;
use seedlm_codec::ChainedCode;

fn parse(text: &str) -> Result<RuleFile, ModelError> {
    RuleFile::parse("rules.toml", text)
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn encoding(name: &str) -> Encoding {
    let layers = preset_layers(name).unwrap();
    let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, Rotate::Auto);
    encoding.with_layers(layers).unwrap()
}

/// The labels of the layers that a rule asks for, where all others are encoded in that preset.
fn layers(rule: &str, others: &str) -> String {
    let file = parse(&format!("[[rule]]\nmatch = \"*\"\n{rule}\n")).unwrap();
    file.rules[0].encoding(&encoding(others)).unwrap().label()
}

#[test]
fn a_rule_says_what_differs() {
    let text = r#"
[[rule]]
match = ["*.embed*", "lm_head.*"]
keep = true

[[rule]]
match = "*.attn.*"
code = "paper-3b"
rotate = "always"
quantizer = "rounded"
"#;
    let file = parse(text).unwrap();
    assert_eq!(file.rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [2, 6]);
    assert!(file.rules[0].is_keep && file.rules[0].is_match("lm_head.weight"));
    assert!(!file.rules[1].is_keep && file.rules[1].names_code() && !file.rules[1].is_match("lm_head.weight"));
    let own = file.rules[1].encoding(&encoding("chained-4b")).unwrap();
    assert_eq!(own.label(), "paper-3b");
    assert_eq!((own.rotate(), own.quantizer()), (Rotate::Always, Quantizer::Rounded));
    assert!(parse("").unwrap().rules.is_empty());
}

#[test]
fn scale_groups_are_for_chained_codes() {
    let ruled = |rule: &str, others: &Encoding| {
        let file = parse(&format!("[[rule]]\nmatch = \"*\"\n{rule}\n")).unwrap();
        file.rules[0].encoding(others)
    };
    let others = encoding("chained-4b").with_scale_group(Some(64));
    let group = |rule: &str| ruled(rule, &others).unwrap().scale_group();
    assert_eq!(group("scale_group = 32"), Some(32));
    // What a rule does not say is as on the command line.
    assert_eq!(group("bits = 3"), Some(64));
    assert_eq!(
        ruled("layers = \"2+2\"\nscale_group = 8", &encoding("paper-4b"))
            .unwrap()
            .scale_group(),
        Some(8)
    );
    for rule in ["scale_group = 8", "code = \"paper-3b\"\nscale_group = 8"] {
        let error = ruled(rule, &encoding("paper-3b")).unwrap_err();
        assert!(
            error.contains("paper-3b is a block code") && error.ends_with("leave scale_group out"),
            "{error}"
        );
    }
}

#[test]
fn bits_take_the_windows_of_the_command_line() {
    assert_eq!(layers("bits = 3", "paper-4b"), "chained-3b");
    assert_eq!(layers("bits = 3", "chained-4b-k12"), "chained-3b-k12");
    assert_eq!(layers("bits = 3\nchain_length = 16", "chained-4b-k12"), "chained-3b");
    assert_eq!(layers("bits = 5\nchain_length = 12", "paper-4b"), "k=5 K=12");
    assert_eq!(
        layers("layers = \"2+1\"", "chained-4b-k12"),
        "chained-2b-k12 + k=1 K=12"
    );
    assert_eq!(
        layers("code = \"progressive-4b\"", "paper-4b"),
        "chained-2b + chained-2b"
    );
    assert_eq!(
        layers("rotate = \"never\"", "progressive-4b"),
        "chained-2b + chained-2b"
    );
    assert_eq!(ChainedCode::standard(5, 12).unwrap().label(), "k=5 K=12");
}

#[test]
fn scale_trials_belong_to_layers() {
    let encoded = |rule: &str, others: &str| {
        let file = parse(&format!("[[rule]]\nmatch = \"*\"\n{rule}\n")).unwrap();
        file.rules[0].encoding(&encoding(others))
    };
    let trials = |rule: &str, others: &str| encoded(rule, others).unwrap().scale_trials();
    assert_eq!(trials("layers = \"2+2\"\nscale_trials = 3", "paper-4b"), 3);
    assert_eq!(trials("scale_trials = 16", "progressive-4b"), 16);
    assert_eq!(
        trials("rotate = \"never\"", "progressive-4b"),
        crate::DEFAULT_SCALE_TRIALS
    );
    let error = encoded("bits = 4\nscale_trials = 3", "progressive-4b").unwrap_err();
    assert!(
        error.contains("scale_trials belongs to matrices in layers, and chained-4b is one"),
        "{error}"
    );
    for bad in ["0", "17", "9223372036854775807"] {
        let error = refused(&format!("[[rule]]\nmatch = \"*\"\nscale_trials = {bad}"));
        assert!(
            error.contains(&format!("line 3: {bad} scales were asked for, and 1 to 16")),
            "{error}"
        );
    }
    for bad in ["-1", "\"many\"", "1.5"] {
        let error = refused(&format!("[[rule]]\nmatch = \"*\"\nscale_trials = {bad}"));
        assert!(
            error.contains("scale_trials must be a whole number that is not negative"),
            "{error}"
        );
    }
    let error = refused("[[rule]]\nmatch = \"*\"\nkeep = true\nscale_trials = 2");
    assert!(error.contains("tensors that are kept have no scale_trials"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let rule = |rest: &str| format!("[[rule]]\nmatch = \"*\"\n{rest}\n");
    for (text, expected) in [
        (
            rule("rotat = \"never\""),
            "rules.toml: line 3: unknown key \"rotat\"; the nearest keys are rotate",
        ),
        (
            rule("keep = true\n\n[[rules]]"),
            "line 5: unknown key \"rules\"; rules are tables [[rule]]",
        ),
        ("rule = 5".into(), "line 1: rule must be tables [[rule]]"),
        ("\n[rule]\nmatch = \"*\"".into(), "line 2: rule must be tables [[rule]]"),
        ("rule = [1]".into(), "rule must be tables [[rule]]"),
        (
            "[[rule]]\nkeep = true".into(),
            "line 1: match must be a string or an array of strings, and is missing",
        ),
        ("[[rule]]\nmatch = []".into(), "line 2: it names no pattern"),
        (
            "[[rule]]\nmatch = [\"a\", 5]".into(),
            "match must be a string or an array of strings, and is array",
        ),
        (
            "[[rule]]\nmatch = \"a[b\"".into(),
            "line 2: pattern \"a[b\": unclosed character class",
        ),
        (
            rule("code = \"chained-4b\"\nbits = 4"),
            "line 4: a rule has code or bits, not both",
        ),
        (
            rule("layers = \"2+2\"\nbits = 4"),
            "a rule has bits or layers, not both",
        ),
        (
            rule("keep = true\ncode = \"chained-4b\""),
            "line 4: a rule has keep or code, not both",
        ),
        (rule("scale_group = 0"), "line 3: scale_group is the number of columns"),
        (
            rule("scale_group = -4"),
            "scale_group must be a whole number that is not negative",
        ),
        (rule("scale_group = \"row\""), "and is string"),
        (
            rule("keep = true\nscale_group = 4"),
            "line 4: tensors that are kept have no scale_group",
        ),
        (
            rule("keep = true\nrotate = \"never\""),
            "line 4: tensors that are kept have no rotate",
        ),
        (rule("keep = false"), "line 3: keep is true or is left out"),
        (rule("keep = \"yes\""), "keep must be true or false, and is string"),
        (
            rule("code = \"chained-5b\""),
            "line 3: no code preset is called \"chained-5b\"; there are: paper-4b",
        ),
        (rule("code = 4"), "code must be a string, and is integer"),
        (
            rule("bits = 9"),
            "line 3: code parameters refused: stored bits per weight k is 9",
        ),
        (rule("bits = 0"), "stored bits per weight k is 0"),
        (rule("bits = -3"), "bits must be a whole number that is not negative"),
        (rule("bits = 99999999999999999999999"), "bits must be a whole number"),
        (rule("bits = 4294967299"), "is no number of bits per weight"),
        (
            rule("bits = 3.0"),
            "bits must be a whole number that is not negative, and is float",
        ),
        (
            rule("layers = \"2++2\""),
            "line 3: \"\" is no number of bits per weight",
        ),
        (rule("layers = \"1+1+1+1+1+1+1+1+1\""), "9 layers were asked for"),
        (rule("chain_length = 12"), "chain_length goes with bits or layers"),
        (rule("bits = 3\nchain_length = 14"), "line 4: chain_length is 16 or 12"),
        (
            rule("code = \"chained-4b\"\nchain_length = 12"),
            "chain_length goes with bits or layers",
        ),
        (
            rule("rotate = \"sometimes\""),
            "rotate is one of auto, always, never, and not \"sometimes\"",
        ),
        (
            rule("quantizer = \"best\""),
            "quantizer is one of printed, rounded, exact, and not \"best\"",
        ),
        (rule("keep = true\nkeep = true"), "line 4: not TOML: duplicate key"),
        ("[[rule]\n".into(), "line 1: not TOML"),
        ("[[rule]]\nmatch = \"\n".into(), "line 2: not TOML"),
    ] {
        let message = refused(&text);
        assert!(message.contains(expected), "{text:?}: {message}");
    }
    let error = parse(&rule("quantizer = \"rounded\"")).unwrap().rules[0].encoding(&encoding("chained-4b"));
    assert!(
        error
            .unwrap_err()
            .contains("quantizer belongs to the paper's codes, and chained-4b is none")
    );
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        RuleFile::open(&path).unwrap_err().to_string()
    };
    assert!(error(b"[[rule]]\nmatch = \"\xff\"").contains("no text in UTF-8"));
    assert!(error(&[b'#'; (1 << 20) + 1]).contains("more than 1048576 bytes"));
    assert!(error("[".repeat(100_000).as_bytes()).contains("not TOML"));
    assert!(error(format!("a = {}", "[".repeat(100_000)).as_bytes()).contains("not TOML"));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(RuleFile::open(&path), Err(ModelError::Io { .. })));
}

proptest! {
    /// Whatever the text is, the answer is rules or an error with a line of the text.
    #[test]
    fn no_text_panics(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "[[rule]]", "[rule]", "match", "keep", "bits", "layers", "code", "rotate", "scale_group", " = ", "\"*\"", "\"2+2\"", "true", "3", "-1",
            "0x10", "\n", "\n", "\"", "[", "]", "{", "}", ",", ".", "é", "\u{0}", "1e9", "'", "#", "\"never\"", "99999999999999999999",
        ]), 0..30),
    ) {
        let text = pieces.concat();
        if let Err(error) = parse(&text) {
            let ModelError::RuleFile { line, .. } = error else { panic!("{error:?}") };
            prop_assert!((1..=text.lines().count().max(1) + 1).contains(&line), "{line} {text:?}");
        }
    }
}
