//! Sizes, rates, shares and times in a reader's words.

use crate::state::words::{Words, fill};

const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// A size, to the nearest of what is shown, as on the page of a link: `4.8 GB`.
pub fn size(words: &Words, bytes: u64) -> String {
    let (number, unit) = nearest(words, bytes);
    format!("{number}\u{a0}{}", UNITS[unit])
}

/// A number of things: `50,000`.
pub fn count(words: &Words, count: u32) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push_str(&words.thousands);
        }
        text.push(digit);
    }
    text
}

/// A part of a size, the unit named once: `1.2 of 4.8 GB`. It is rounded down, so that it never looks like the whole.
pub fn part(words: &Words, bytes: u64, whole: u64) -> String {
    let (all, unit) = nearest(words, whole);
    let number = if bytes < whole { below(words, bytes, unit) } else { all };
    fill(&words.of, &[("stored", &number), ("size", &size(words, whole))])
}

/// A speed: `34 MB/s`.
pub fn rate(words: &Words, bytes_per_second: u64) -> String {
    fill(&words.per_second, &[("rate", &size(words, bytes_per_second))])
}

/// A share of the whole, from 0 to 100, rounded down so that 100 means all.
pub fn percent(part: u64, whole: u64) -> u64 {
    part.min(whole).saturating_mul(100).checked_div(whole).unwrap_or(100)
}

/// A share as the width of a bar; nothing of nothing has no width.
pub fn width(part: u64, whole: u64) -> String {
    let share = part.min(whole).saturating_mul(10_000).checked_div(whole).unwrap_or(0);
    format!("{}.{:02}%", share / 100, share % 100)
}

/// A share in words: `93 %`.
pub fn percent_text(percent: u64) -> String {
    format!("{percent}\u{a0}%")
}

/// A time, coarser the longer it is.
pub fn time(words: &Words, seconds: u64) -> String {
    let (minutes, hours) = ((seconds + 30) / 60, (seconds + 1_800) / 3_600);
    let text = |n: u64| n.to_string();
    if seconds < 10 {
        fill(&words.seconds, &[("n", &text(seconds.max(1)))])
    } else if seconds < 55 {
        fill(&words.seconds, &[("n", &text((seconds + 2) / 5 * 5))])
    } else if minutes < 60 {
        fill(&words.minutes, &[("n", &text(minutes.max(1)))])
    } else if hours < 24 {
        fill(&words.hours, &[("n", &text(minutes / 60)), ("m", &text(minutes % 60))])
    } else {
        fill(&words.days, &[("n", &text(hours / 24)), ("h", &text(hours % 24))])
    }
}

/// Bytes in one of a unit.
fn scale(unit: usize) -> u64 {
    (0..unit).fold(1, |scale, _| scale * 1_000)
}

/// The nearest number with tenths, from a hundred on without, in the unit that has it below a thousand.
fn nearest(words: &Words, bytes: u64) -> (String, usize) {
    let mut unit = 0;
    while unit + 1 < UNITS.len() && 2 * u128::from(bytes) >= 1_999 * u128::from(scale(unit)) {
        unit += 1;
    }
    let (bytes, scale) = (u128::from(bytes), u128::from(scale(unit)));
    let tenths = (bytes * 10 + scale / 2) / scale;
    let tenths = if tenths < 995 { tenths } else { (bytes + scale / 2) / scale * 10 };
    (with_tenths(words, tenths), unit)
}

fn below(words: &Words, bytes: u64, unit: usize) -> String {
    let tenths = u128::from(bytes) * 10 / u128::from(scale(unit));
    with_tenths(words, if tenths < 1_000 { tenths } else { tenths / 10 * 10 })
}

fn with_tenths(words: &Words, tenths: u128) -> String {
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}{}{tenth}", words.decimal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn speaks_of_sizes_and_times_like_people() {
        let words = Words::of("en");
        assert_eq!(size(&words, 0), "0\u{a0}B");
        assert_eq!(size(&words, 999), "999\u{a0}B");
        assert_eq!(size(&words, 4_849_999_999), "4.8\u{a0}GB");
        assert_eq!(size(&words, 8_859_999), "8.9\u{a0}MB");
        assert_eq!(size(&words, 999_999), "1\u{a0}MB");
        assert_eq!(size(&words, 99_960_000), "100\u{a0}MB");
        assert_eq!(size(&words, u64::MAX), "18447\u{a0}PB");
        assert_eq!(size(&words, 200_000_000), "200\u{a0}MB");
        assert_eq!(size(&Words::of("de"), 1_500), "1,5\u{a0}kB");
        assert_eq!(part(&words, 8_859_998, 8_859_999), "8.8 of 8.9\u{a0}MB");
        assert_eq!(part(&words, 8_859_999, 8_859_999), "8.9 of 8.9\u{a0}MB");
        assert_eq!(part(&words, 999_000, 999_999), "0.9 of 1\u{a0}MB");
        assert_eq!(part(&words, 1_299_000_000, 4_800_000_000), "1.2 of 4.8\u{a0}GB");
        assert_eq!(count(&words, 1_234), "1234");
        assert_eq!(count(&words, 50_000), "50,000");
        assert_eq!(count(&words, 1_000_000), "1,000,000");
        assert_eq!(time(&words, 0), "1 s");
        assert_eq!(time(&words, 43), "45 s");
        assert_eq!(time(&words, 58), "1 min");
        assert_eq!(time(&words, 5_400), "1 h 30 min");
        assert_eq!(time(&words, 90_000), "1 d 1 h");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_hundred_percent_means_all() {
        assert_eq!(percent(999, 1_000), 99);
        assert_eq!(percent(0, 0), 100);
        assert_eq!(width(1, 3), "33.33%");
        assert_eq!(width(0, 0), "0.00%");
    }
}
