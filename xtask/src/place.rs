//! Where everything is: checkout, tools, build outputs.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Folders that every command needs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// What outlives a checkout: tools.
    pub(crate) cache: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Finds them.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo says where it runs. What was compiled in may be another checkout that shares the target folder.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask).parent().context("xtask stands alone")?.to_owned();
        Ok(Self { cache: cache(|name| env::var_os(name))?, target: target(&root)?, root })
    }

    /// Root of the tools that set-up installed, as `cargo install --root` takes it.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The built page.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The release binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("release").join(format!("cairn{}", env::consts::EXE_SUFFIX))
    }

    /// `PATH` with the tools of set-up before all others.
    pub(crate) fn path(&self) -> anyhow::Result<OsString> {
        let own = [self.tools().join("bin"), self.node_modules().join(".bin")];
        let given = env::var_os("PATH").unwrap_or_default();
        let all = own.into_iter().chain(env::split_paths(&given));
        env::join_paths(all)
            .context("a folder of the tools has a name that PATH can't hold; set CAIRN_CACHE to another")
    }

    /// Where npm keeps the packages that set-up installed.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.tools().join("npm").join("node_modules")
    }
}

/// `$CAIRN_CACHE`, or `cairn` in the user's cache folder.
fn cache(variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CAIRN_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("cairn")))
        .or_else(|| Some(set("LOCALAPPDATA")?.join("cairn")))
        .or_else(|| Some(set("HOME")?.join(".cache").join("cairn")))
        .context("there is no home folder to keep tools in: set CAIRN_CACHE to a folder")
}

/// The folder that this very program was built into, so that every way to set it is honoured.
fn target(root: &Path) -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("can't tell where this program is")?;
    let built = own.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    Ok(built.and_then(Path::parent).map_or_else(|| root.join("target"), Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        cache(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())).ok()
    }

    #[test]
    fn the_cache_is_where_the_user_says() {
        assert_eq!(with(&[("HOME", "/h"), ("CAIRN_CACHE", "/c")]), Some("/c".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/cairn".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "")]), Some("/h/.cache/cairn".into()));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn the_build_folder_is_this_programs() {
        let place = Place::find().unwrap();
        assert!(place.root.join("xtask/Cargo.toml").is_file());
        assert!(env::current_exe().unwrap().starts_with(&place.target));
    }
}
