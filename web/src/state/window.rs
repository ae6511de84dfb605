//! Which rows of a long list are in the document: those in sight, and some around them.

/// So many rows are shown whatever is in sight: a list that is not longer has all of its rows.
const ROWS_MIN: usize = 60;
/// The first row and the last change by so many at once, so that scrolling does not change the list all the time.
const STEP: usize = 10;

/// What lies in sight, in CSS pixels from the list's beginning, and how high a row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Where it begins; less than 0 where something else is above.
    pub from: f64,
    /// How high it is.
    pub height: f64,
    /// From one row to the next.
    pub pitch: f64,
}

/// A part of the list, and the room of the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The first row in the document.
    pub first: usize,
    /// The one behind the last.
    pub end: usize,
    /// Room for those before, in CSS pixels.
    pub above: f64,
    /// Room for those behind.
    pub below: f64,
}

impl Window {
    /// The rows in sight, and as many before and behind as fill the sight once more each.
    pub fn of(count: usize, sight: Sight) -> Self {
        let pitch = sight.pitch.max(1.0);
        let (from, to) = (sight.from - sight.height, sight.from + 2.0 * sight.height);
        // A cast of what is less than 0 gives 0.
        let first = (from / pitch) as usize / STEP * STEP;
        // Also where somebody scrolled far below the end.
        let first = first.min(count.saturating_sub(ROWS_MIN));
        let end = ((to / pitch) as usize + 1).next_multiple_of(STEP).max(first + ROWS_MIN).min(count);
        Self { first, end, above: first as f64 * pitch, below: (count - end) as f64 * pitch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const fn sight(from: f64) -> Sight {
        Sight { from, height: 900.0, pitch: 100.0 }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_short_list_is_all_there() {
        for count in [0, 1, ROWS_MIN] {
            let all = Window { first: 0, end: count, above: 0.0, below: 0.0 };
            assert_eq!(Window::of(count, sight(-500.0)), all);
            assert_eq!(Window::of(count, sight(1e9)), all);
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn of_a_long_list_what_is_in_sight_is_there_wherever_that_is() {
        for from in [-300.0, 0.0, 12_345.0, 999_000.0, 1_999_100.0] {
            let window = Window::of(20_000, sight(from));
            assert!(window.end - window.first <= 100, "{window:?}");
            assert!(window.above <= from.max(0.0), "{window:?}");
            assert!(window.end as f64 * 100.0 >= from + 900.0, "{window:?}");
            let room = window.above + window.below + (window.end - window.first) as f64 * 100.0;
            assert!((room - 2_000_000.0).abs() < 1.0, "{window:?}");
        }
        let below = Window::of(20_000, sight(5_000_000.0));
        assert_eq!((below.first, below.end), (19_940, 20_000));
    }
}
