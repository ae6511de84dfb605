//! What may stand behind `cargo xtask bench`.

use anyhow::Context;

use super::work::{WORKS, Work};

const ROUNDS: usize = 5;
const SIZE_MIB: u64 = 2_048;
const HELP: &str = "`cargo xtask bench` takes --rounds N, --only WORK,... and --size MIB";

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// Runs of each contender in each work.
    pub(crate) rounds: usize,
    /// Of the large file, in bytes.
    pub(crate) size: u64,
    only: Vec<String>,
}

impl Options {
    /// Reads them.
    pub(crate) fn parse(args: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self { rounds: ROUNDS, size: SIZE_MIB << 20, only: Vec::new() };
        for pair in args.chunks(2) {
            let [name, value] = pair else { anyhow::bail!(HELP) };
            match *name {
                "--rounds" => options.rounds = value.parse().context(HELP)?,
                "--size" => options.size = value.parse::<u64>().context(HELP)? << 20,
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                _ => anyhow::bail!(HELP),
            }
        }
        anyhow::ensure!(options.rounds > 0 && options.size >= 64 << 20, "at least one round and 64 MiB");
        let names: Vec<&str> = WORKS.iter().flat_map(|work| work.charts).map(|chart| chart.name).collect();
        if let Some(unknown) = options.only.iter().find(|only| !names.contains(&only.as_str())) {
            anyhow::bail!("there is no work `{unknown}`; there is: {}", names.join(", "));
        }
        Ok(options)
    }

    /// Whether a work is to be done. Works that come in pairs are done together.
    pub(crate) fn wants(&self, work: &Work) -> bool {
        self.only.is_empty()
            || work.charts.iter().any(|chart| self.only.iter().any(|only| only == chart.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_pairs_and_works_are_known() {
        let options = Options::parse(&["--rounds", "3", "--only", "again-cli"]).unwrap();
        assert_eq!((options.rounds, options.size), (3, 2 << 30));
        assert_eq!(WORKS.iter().filter(|work| options.wants(work)).count(), 1);
        assert!(Options::parse(&["--rounds"]).is_err());
        assert!(Options::parse(&["--only", "nonsense"]).is_err());
        assert!(Options::parse(&["--size", "1"]).is_err());
    }
}
