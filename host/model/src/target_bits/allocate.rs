//! Bytes to where they take away most error.

/// What a matrix may be: so many bytes, and the error that is left with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub bytes: u64,
    pub error: f64,
}

/// One more step along the places of a matrix that are worth their bytes.
struct Step {
    matrix: usize,
    /// Its place in the matrix's hull.
    to: usize,
    bytes: u64,
    gain: f64,
}

/// Chooses one place for each matrix, so that the bytes together are at most `most_bytes` and the sum of errors is small: from the
/// smallest places up, the step with the largest gain per byte first, as long as it fits; and no worse than the same candidate
/// everywhere, where that fits. All lists have the same length, and the smallest places fit.
///
/// Along the lower convex hull of each matrix's places the gain per byte falls, so what is chosen before the first step that does
/// not fit is the best for its bytes; only the rest, less than a step, is left to chance.
pub(super) fn allocate(places: &[Vec<Place>], most_bytes: u64) -> Vec<usize> {
    let hulls: Vec<Vec<usize>> = places.iter().map(|places| hull(places)).collect();
    let mut steps = Vec::new();
    for (matrix, (places, hull)) in places.iter().zip(&hulls).enumerate() {
        steps.extend(hull.windows(2).zip(1..).map(|(pair, to)| Step {
            matrix,
            to,
            bytes: places[pair[1]].bytes - places[pair[0]].bytes,
            gain: places[pair[0]].error - places[pair[1]].error,
        }));
    }
    let per_byte = |step: &Step| step.gain / step.bytes as f64;
    steps.sort_by(|left, right| {
        let by_gain = per_byte(right).total_cmp(&per_byte(left));
        by_gain.then((left.matrix, left.to).cmp(&(right.matrix, right.to)))
    });
    let mut taken = vec![0; places.len()];
    let smallest: u64 = places
        .iter()
        .zip(&hulls)
        .map(|(places, hull)| places[hull[0]].bytes)
        .sum();
    let mut left = most_bytes.saturating_sub(smallest);
    for step in steps {
        // Whoever has missed a step takes none after it.
        if taken[step.matrix] + 1 == step.to && step.bytes <= left {
            taken[step.matrix] = step.to;
            left -= step.bytes;
        }
    }
    let chosen: Vec<usize> = hulls.iter().zip(taken).map(|(hull, taken)| hull[taken]).collect();
    let sum = |chosen: &[usize]| -> (u64, f64) {
        let chosen = places.iter().zip(chosen).map(|(places, &number)| places[number]);
        chosen.fold((0, 0.0), |(bytes, error), place| {
            (bytes + place.bytes, error + place.error)
        })
    };
    let mut best = chosen;
    for candidate in 0..places.first().map_or(0, Vec::len) {
        let uniform = vec![candidate; places.len()];
        let (bytes, error) = sum(&uniform);
        if bytes <= most_bytes && error < sum(&best).1 {
            best = uniform;
        }
    }
    best
}

/// The places on the lower convex hull, the smallest first: each has fewer errors than the one before it, and gains less per byte.
fn hull(places: &[Place]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    let by_bytes = |left: &Place, right: &Place| left.bytes.cmp(&right.bytes).then(left.error.total_cmp(&right.error));
    order.sort_by(|&left, &right| by_bytes(&places[left], &places[right]).then(left.cmp(&right)));
    let mut hull: Vec<usize> = Vec::with_capacity(order.len());
    for number in order {
        let next = places[number];
        let last = |hull: &[usize]| hull.last().map(|&last| places[last]);
        if last(&hull).is_some_and(|last| next.error >= last.error || next.bytes == last.bytes) {
            continue;
        }
        while let [.., before, middle] = hull[..] {
            let (before, middle) = (places[before], places[middle]);
            let slope = |from: Place, to: Place| (from.error - to.error) / (to.bytes - from.bytes) as f64;
            if slope(before, middle) > slope(middle, next) {
                break;
            }
            hull.pop();
        }
        hull.push(number);
    }
    hull
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(bytes: u64, error: f64) -> Place {
        Place { bytes, error }
    }

    #[test]
    fn the_hull_leaves_out_what_is_not_worth_its_bytes() {
        let places = [
            place(40, 1.0),
            place(20, 9.0),
            place(30, 6.0),
            place(50, 1.0),
            place(20, 10.0),
        ];
        assert_eq!(hull(&places), [1, 0]);
        assert_eq!(hull(&[place(5, 0.0)]), [0]);
    }

    #[test]
    fn bytes_go_where_they_take_away_most() {
        let small = vec![place(10, 8.0), place(20, 4.0)];
        let large = vec![place(100, 50.0), place(200, 20.0)];
        let places = [small, large];
        assert_eq!(allocate(&places, 110), [0, 0]);
        assert_eq!(allocate(&places, 120), [1, 0]);
        // 40 bytes a step of 4.0, or 100 bytes one of 30.0: the first is worth more per byte, the second takes away more.
        assert_eq!(allocate(&places, 210), [1, 0]);
        assert_eq!(allocate(&places, 219), [1, 0]);
        assert_eq!(allocate(&places, 220), [1, 1]);
        assert_eq!(allocate(&[], 0), [0; 0]);
    }

    fn sums(places: &[Vec<Place>], chosen: &[usize]) -> (u64, f64) {
        let chosen = places.iter().zip(chosen).map(|(places, &number)| places[number]);
        chosen.fold((0, 0.0), |sum, place| (sum.0 + place.bytes, sum.1 + place.error))
    }

    proptest! {
        /// Against all choices that there are: at most the worst step away from the best, never beyond the bytes, and never worse
        /// than one candidate for all.
        #[test]
        fn no_choice_is_better_by_more_than_a_step(
            places in prop::collection::vec(prop::collection::vec((1_u64..60, 0_u32..1000), 3), 1..6),
            more in 0_u64..150,
        ) {
            let places: Vec<Vec<Place>> = places
                .into_iter()
                .map(|places| places.into_iter().map(|(bytes, error)| place(bytes, f64::from(error))).collect())
                .collect();
            let smallest: u64 = places.iter().map(|places| places.iter().map(|place| place.bytes).min().unwrap()).sum();
            let most_bytes = smallest + more;
            let chosen = allocate(&places, most_bytes);
            let (bytes, error) = sums(&places, &chosen);
            prop_assert!(bytes <= most_bytes);
            let all = (0..3_usize.pow(places.len() as u32)).map(|mut number| -> Vec<usize> {
                (0..places.len()).map(|_| { let place = number % 3; number /= 3; place }).collect()
            });
            let fitting = all.map(|choice| sums(&places, &choice)).filter(|sum| sum.0 <= most_bytes);
            let best = fitting.map(|sum| sum.1).fold(f64::INFINITY, f64::min);
            let step = places.iter().map(|places| {
                let errors = || places.iter().map(|place| place.error);
                errors().fold(0.0, f64::max) - errors().fold(f64::INFINITY, f64::min)
            });
            prop_assert!(error <= best + step.fold(0.0, f64::max), "{error} {best}");
            for candidate in 0..3 {
                let (bytes, uniform) = sums(&places, &vec![candidate; places.len()]);
                prop_assert!(bytes > most_bytes || error <= uniform, "{error} {uniform}");
            }
        }
    }
}
