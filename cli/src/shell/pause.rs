//! How long to wait before a request is sent again, and how often.

use std::time::Duration;

use cairn_engine::Failure;

use super::Line;
use crate::say;

/// The longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(120);
/// Attempts, with a second between two, or what the server asks for.
const TRIES: u32 = 60;

/// Asks again while what fails may pass, sixty times at most, and says when it begins to wait and when that is over.
pub(crate) fn patiently<T>(
    line: &Line,
    ask: impl FnMut() -> Result<T, Failure>,
    may_pass: impl Fn(&Failure) -> bool,
) -> Result<T, Failure> {
    patiently_by(line, ask, may_pass, std::thread::sleep)
}

fn patiently_by<T>(
    line: &Line,
    mut ask: impl FnMut() -> Result<T, Failure>,
    may_pass: impl Fn(&Failure) -> bool,
    mut sleep: impl FnMut(Duration),
) -> Result<T, Failure> {
    let mut is_told = false;
    for _ in 1..TRIES {
        match ask() {
            Err(failure) if may_pass(&failure) => {
                if !std::mem::replace(&mut is_told, true) {
                    say::notice(&format!("waiting: {}", line.words(&failure)));
                }
                sleep(pause(&failure));
            }
            Ok(answer) if is_told => {
                say::notice(&format!("going on: {} answers again", line.server()));
                return Ok(answer);
            }
            answer => return answer,
        }
    }
    ask()
}

/// How long to wait before the same request is sent again: a second, or what the server asks for.
fn pause(failure: &Failure) -> Duration {
    Duration::from_secs(u64::from(failure.asked_seconds().unwrap_or(1).max(1))).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use cairn_shared::{Problem, ProblemCode};

    use super::*;

    fn starting() -> Failure {
        Failure::Problem(Box::new(Problem::new(ProblemCode::Unavailable, "It starts.").with_retry_after(5)))
    }

    /// What came, and how long that took.
    fn asked(failures: usize, failure: &Failure) -> (bool, u64) {
        let line = Line::new("http://cairn.test").unwrap();
        let (mut left, mut slept) = (failures, Duration::ZERO);
        let answer = patiently_by(
            &line,
            || {
                left = left.saturating_sub(1);
                if left > 0 { Err(failure.clone()) } else { Ok(()) }
            },
            Failure::may_pass,
            |pause| slept += pause,
        );
        (answer.is_ok(), slept.as_secs())
    }

    #[test]
    fn a_server_that_starts_is_waited_for_and_not_for_ever() {
        assert_eq!(asked(4, &starting()), (true, 15));
        assert_eq!(asked(4, &Failure::Network), (true, 3));
        assert_eq!(asked(1_000, &starting()), (false, 59 * 5));
        let refused = Problem::new(ProblemCode::GuestsOff, "Guests are off.");
        assert_eq!(asked(4, &Failure::Problem(Box::new(refused))), (false, 0));
    }
}
