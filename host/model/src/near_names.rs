//! Names that somebody may have meant.

/// How many names are listed.
const LISTED: usize = 3;

/// The tensor names nearest to a pattern, nearest first: part by part (parts are separated by dots), by Jaro-Winkler
/// similarity. Wildcards count for nothing.
pub(crate) fn near_names<'a>(pattern: &str, names: &[&'a str]) -> Vec<&'a str> {
    let wanted: Vec<String> = pattern
        .split('.')
        .map(|part| part.replace(['*', '?', '[', ']', '{', '}'], ""))
        .filter(|part| !part.is_empty())
        .collect();
    let similarity = |name: &str| -> f64 {
        wanted
            .iter()
            .map(|part| {
                let parts = name.split('.');
                parts.map(|other| strsim::jaro_winkler(part, other)).fold(0.0, f64::max)
            })
            .sum()
    };
    let mut ranked: Vec<(f64, &str)> = names.iter().map(|&name| (similarity(name), name)).collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    ranked.into_iter().take(LISTED).map(|(_, name)| name).collect()
}
