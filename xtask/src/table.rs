//! Commands with named entries: `accept`, `torture`, `bench`.

use std::fmt::Write as _;

use crate::place::Place;
use crate::{clock, say};

/// One entry.
pub(crate) struct Entry {
    /// What people type.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) about: &'static str,
    /// Does it, with the arguments after its name.
    pub(crate) run: fn(&Place, &[String]) -> anyhow::Result<()>,
}

/// Runs the entry that is named first, or all of them.
pub(crate) fn run(command: &str, entries: &[Entry], place: &Place, args: &[String]) -> anyhow::Result<()> {
    let Some((name, rest)) = args.split_first() else {
        for entry in entries {
            timed(command, entry, place, &[])?;
        }
        return Ok(());
    };
    match entries.iter().find(|entry| entry.name == name.as_str()) {
        Some(entry) => timed(command, entry, place, rest),
        None => anyhow::bail!("`cargo xtask {command}` has no `{name}`; {}", list(entries)),
    }
}

fn timed(command: &str, entry: &Entry, place: &Place, args: &[String]) -> anyhow::Result<()> {
    say::begin(&format!("{command} {}: {}", entry.name, entry.about));
    let begun = clock::now();
    (entry.run)(place, args)?;
    say::tell(&format!("{command} {}: {:.1} s", entry.name, begun.elapsed().as_secs_f64()));
    Ok(())
}

fn list(entries: &[Entry]) -> String {
    let mut text = String::from("there is:");
    for Entry { name, about, .. } in entries {
        // Writing to a string can't fail.
        let _ = write!(text, "\n  {name:<8} {about}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &[Entry] = &[
        Entry { name: "good", about: "does nothing", run: |_, _| Ok(()) },
        Entry { name: "bad", about: "fails", run: |_, args| anyhow::bail!("with {args:?}") },
    ];

    fn outcome(args: &[&str]) -> Result<(), String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        run("bench", ENTRIES, &Place::find().unwrap(), &args).map_err(|error| error.to_string())
    }

    #[test]
    fn entries_are_found_by_name() {
        assert_eq!(outcome(&["good"]), Ok(()));
        assert_eq!(outcome(&["bad", "7"]), Err("with [\"7\"]".to_owned()));
        assert_eq!(outcome(&[]), Err("with []".to_owned()));
    }

    #[test]
    fn an_unknown_name_lists_what_is_there() {
        let message = outcome(&["worse"]).unwrap_err();
        assert!(message.starts_with("`cargo xtask bench` has no `worse`"), "{message}");
        assert!(message.contains("good     does nothing") && message.contains("bad      fails"), "{message}");
    }
}
