//! Which points no other point beats.

/// Which values of a figure are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Small ones.
    Down,
    /// Large ones.
    Up,
}

impl Direction {
    /// The value as one of which less is better.
    fn cost(self, value: f64) -> f64 {
        match self {
            Direction::Down => value,
            Direction::Up => -value,
        }
    }
}

/// The numbers of the points that are on the front, by their first figure, the best first: a point is on it if no other is at least as good in
/// both figures and better in one. Equal points are all on it, in the order they came in. Points with a figure that
/// is not a number are none.
pub fn pareto_front(points: &[[f64; 2]], directions: [Direction; 2]) -> Vec<usize> {
    let costs: Vec<[f64; 2]> = points
        .iter()
        .map(|point| [0, 1].map(|figure| directions[figure].cost(point[figure])))
        .collect();
    let mut order: Vec<usize> = (0..points.len())
        .filter(|&index| costs[index].iter().all(|cost| !cost.is_nan()))
        .collect();
    order.sort_by(|&a, &b| {
        let [first, second] = [0, 1].map(|figure| costs[a][figure].total_cmp(&costs[b][figure]));
        first.then(second).then(a.cmp(&b))
    });
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        let is_beaten = front.last().is_some_and(|&last| {
            let (best, cost) = (costs[last], costs[index]);
            cost[1] > best[1] || (cost[1] == best[1] && cost[0] > best[0])
        });
        if !is_beaten {
            front.push(index);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH_DOWN: [Direction; 2] = [Direction::Down, Direction::Down];

    #[test]
    fn a_front_by_hand() {
        let points = [
            [4.0, 0.1],
            [3.0, 0.2],
            [4.0, 0.2],
            [3.0, 0.2],
            [2.0, f64::NAN],
            [5.0, 0.1],
        ];
        assert_eq!(pareto_front(&points, BOTH_DOWN), [1, 3, 0]);
        assert_eq!(pareto_front(&points, [Direction::Up, Direction::Down]), [5]);
        assert!(pareto_front(&[], BOTH_DOWN).is_empty());
    }

    /// Few values, so that there are ties.
    fn points() -> impl Strategy<Value = Vec<[f64; 2]>> {
        let figure = || (0_u8..12).prop_map(f64::from);
        prop::collection::vec([figure(), figure()], 0..40)
    }

    fn directions() -> impl Strategy<Value = [Direction; 2]> {
        let direction = || prop::sample::select(vec![Direction::Down, Direction::Up]);
        [direction(), direction()]
    }

    proptest! {
        /// The definition, point by point.
        #[test]
        fn the_front_is_what_nothing_beats(points in points(), directions in directions()) {
            let front = pareto_front(&points, directions);
            let cost = |index: usize| [0, 1].map(|figure: usize| directions[figure].cost(points[index][figure]));
            for index in 0..points.len() {
                let [x, y] = cost(index);
                let is_beaten = (0..points.len()).map(cost).any(|[a, b]| a <= x && b <= y && (a < x || b < y));
                prop_assert_eq!(front.contains(&index), !is_beaten, "point {}", index);
            }
        }

        /// Along the front the first figure gets worse and the second better, or nothing changes.
        #[test]
        fn the_front_is_in_order(points in points(), directions in directions()) {
            let front = pareto_front(&points, directions);
            for pair in front.windows(2) {
                let [a, b] = [points[pair[0]], points[pair[1]]];
                let [first, second] = [0, 1].map(|figure| directions[figure].cost(b[figure]) - directions[figure].cost(a[figure]));
                prop_assert!((first > 0.0 && second < 0.0) || (a == b && pair[0] < pair[1]));
            }
        }

        /// The order of the points changes nothing, and the front of a front is itself.
        #[test]
        fn the_front_is_one_of_the_set(points in points(), directions in directions()) {
            let values = |points: &[[f64; 2]]| -> Vec<[f64; 2]> {
                pareto_front(points, directions).into_iter().map(|index| points[index]).collect()
            };
            let front = values(&points);
            let reversed: Vec<[f64; 2]> = points.iter().rev().copied().collect();
            prop_assert_eq!(&values(&reversed), &front);
            prop_assert_eq!(&values(&front), &front);
        }
    }
}
