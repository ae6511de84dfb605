//! Variables that look like settings and are none: a misspelt one would be silent otherwise.

use super::table::{OTHER_VARIABLES, SETTINGS};

const PREFIX: &str = "CAIRN_";
/// Kubernetes and Docker set these for a service that is called `cairn`.
const OF_SERVICES: &[&str] = &["CAIRN_SERVICE_", "CAIRN_PORT"];

/// One sentence about all variables that begin like settings and are none, with the nearest that is one; `None` where there are none.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Option<String> {
    let mut unknown: Vec<_> = names.filter(|name| is_unknown(name)).map(|name| told(&name)).collect();
    unknown.sort();
    (!unknown.is_empty()).then(|| {
        format!(
            "These variables are no settings, and do nothing: {}. docs/CONFIG.md lists all settings.",
            unknown.join(", ")
        )
    })
}

fn is_unknown(name: &str) -> bool {
    name.starts_with(PREFIX)
        && !OF_SERVICES.iter().any(|start| name.starts_with(start))
        && !OTHER_VARIABLES.contains(&name)
        && !SETTINGS.iter().any(|setting| setting.variable == name)
}

fn told(name: &str) -> String {
    let known = SETTINGS.iter().map(|setting| setting.variable);
    let nearest = known.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    // Farther apart they are two different words.
    let is_near =
        |known: &&str| strsim::damerau_levenshtein(known, name) <= 1 + (known.len() - PREFIX.len()) / 3;
    match nearest.filter(is_near) {
        Some(known) => format!("{name} (meant is perhaps {known})"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn unknown(names: &[&str]) -> Option<String> {
        unknown_variables(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn a_misspelt_setting_is_told_with_the_one_that_is_meant() {
        let told =
            unknown(&["CAIRN_TRUSTED_PROXYS", "PATH", "CAIRN_GUEST", "CAIRN_COLOUR", "CAIRN_HOST"]).unwrap();
        for part in [
            "CAIRN_TRUSTED_PROXYS (meant is perhaps CAIRN_TRUSTED_PROXIES)",
            "CAIRN_GUEST (meant is perhaps CAIRN_GUESTS)",
            "CAIRN_HOST (meant is perhaps CAIRN_HOSTS)",
            "CAIRN_COLOUR, ",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("PATH"));
    }

    #[test]
    fn what_settings_and_other_parts_read_is_known() {
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
        names.extend(["CAIRN_LOG", "CAIRN_SERVICE_HOST", "CAIRN_PORT_8080_TCP", "cairn_x", "XCAIRN_Y"]);
        assert_eq!(unknown(&names), None);
    }

    /// Whatever any part asks the environment for.
    #[test]
    fn all_that_is_read_anywhere_is_known() {
        let mut found = BTreeSet::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for part in ["bench", "cli", "e2e", "engine", "fuzz", "server", "shared", "store", "web", "xtask"] {
            read(&root.join(part), &mut found);
        }
        assert!(found.contains("CAIRN_LOG") && found.contains("CAIRN_SEED"), "{found:?}");
        assert_eq!(found.iter().filter(|name| is_unknown(name)).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    fn read(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !matches!(entry.file_name().to_str(), Some("target" | "node_modules")) {
                read(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("config/unknown.rs")
            {
                let text = fs::read_to_string(&path).unwrap_or_default();
                for (at, _) in text.match_indices(PREFIX) {
                    let name = text[at..].split(|c: char| !c.is_ascii_uppercase() && c != '_').next();
                    found.extend(name.filter(|name| name.len() > PREFIX.len()).map(str::to_owned));
                }
            }
        }
    }
}
