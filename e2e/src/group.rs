//! A program in a process group of its own, which ends with the value that stands for it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock::Deadline;

/// Waits for its input to end, which is when the harness is gone however it went, then ends the group.
const GUARD: &str = "read -r _; kill -s KILL -- \"-$1\" 2>/dev/null";

const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A running program and everything it started.
#[derive(Debug)]
pub struct Group {
    child: Child,
    guard: Child,
}

impl Group {
    /// Starts a program.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let started = command.stdin(Stdio::null()).process_group(0).spawn();
        let mut child = started.with_context(|| format!("can't start {}", program.display()))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guard {
            Ok(guard) => Ok(Self { child, guard }),
            Err(error) => {
                end(&mut child, Signal::KILL);
                Err(error).context("can't start the guard of a program")
            }
        }
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The program itself, for its output.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its exit status, where it has ended.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended by itself; looks often, because somebody takes its time.
    pub fn wait(mut self, deadline: Deadline) -> anyhow::Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            anyhow::ensure!(!deadline.is_over(), "the program did not end in time");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Asks it to stop and waits.
    pub fn stop(mut self, deadline: Deadline) -> anyhow::Result<ExitStatus> {
        kill_process_group(Pid::from_child(&self.child), Signal::TERM)?;
        deadline.until(|| "the program stops".to_owned(), || self.ended())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(&mut self.child, Signal::KILL);
        end(&mut self.guard, Signal::KILL);
    }
}

/// Ends a group whose leader has not been waited for yet: until then its number can't be anybody else's.
fn end(leader: &mut Child, signal: Signal) {
    if matches!(leader.try_wait(), Ok(None)) {
        let _ = kill_process_group(Pid::from_child(leader), signal);
        let _ = leader.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_ends_the_group_when_the_harness_is_gone() -> anyhow::Result<()> {
        let mut group = Group::spawn(Command::new("sh").args(["-c", "sleep 60 & sleep 60"]))?;
        assert!(group.ended()?.is_none());
        // What the end of this process would do.
        drop(group.guard.stdin.take());
        let status = Deadline::seconds(10).until(|| "the guard acts".to_owned(), || group.ended())?;
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::KILL.as_raw()));
        Ok(())
    }
}
