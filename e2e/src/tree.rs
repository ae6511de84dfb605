//! A folder with a little of everything, and what the server lists of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::tab::Tab;

/// Files of which one folder has more than browsers give at once.
const IN_ONE: usize = 150;
const FOLDERS: [&str; 11] = ["", "много", "a/b/c/d", "عربي", "e", "f", "g", "h", "i", "j", "k"];

/// A folder on disk: 300 files in 12 folders, with names in several scripts, and an empty folder.
#[derive(Debug)]
pub struct Tree {
    /// Where it lies.
    pub root: PathBuf,
    /// Sizes by path.
    pub sizes: BTreeMap<String, u64>,
}

impl Tree {
    /// Its name.
    pub const NAME: &str = "Fotos 山";
    /// How many files it has.
    pub const FILES: usize = 300;

    /// Makes it.
    pub fn make(parent: &Path) -> anyhow::Result<Self> {
        let mut tree = Self { root: parent.join(Self::NAME), sizes: BTreeMap::new() };
        for index in 0..IN_ONE {
            tree.put("die großen", index)?;
        }
        for index in 0..Self::FILES - IN_ONE {
            tree.put(FOLDERS[index % FOLDERS.len()], index)?;
        }
        fs::create_dir_all(tree.root.join("e/leer"))?;
        Ok(tree)
    }

    fn put(&mut self, folder: &str, index: usize) -> anyhow::Result<()> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let path = format!("{below}datei {index:03} ñ.txt");
        let text = format!("{path} ").repeat(1 + index * 7);
        let file = self.root.join(&path);
        fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        fs::write(&file, &text)?;
        self.sizes.insert(path, text.len() as u64);
        Ok(())
    }
}

/// A file as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// In bytes.
    pub size: u64,
    /// In milliseconds since 1970.
    pub mtime: Option<u64>,
    /// In hex; what was in several chunks gets it a little later.
    pub sha256: Option<String>,
}

/// Every file of the only folder of this browser's owner, by path; fails where a path comes twice, or where it has not
/// that many empty folders.
pub fn listed(tab: &Tab, empty: u64) -> anyhow::Result<BTreeMap<String, Listed>> {
    let script = format!(
        "(async () => {{
        const open = indexedDB.open('cairn');
        await new Promise(done => open.onsuccess = done);
        const get = open.result.transaction('owner').objectStore('owner').get('key');
        await new Promise(done => get.onsuccess = done);
        const headers = {{ authorization: 'Bearer ' + get.result }};
        const ask = async path => (await fetch(path, {{ headers }})).json();
        const folders = (await ask('/api/folder')).items;
        if (folders.length != 1 || folders[0].folders != {empty}) throw new Error(JSON.stringify(folders));
        const all = [];
        for (let after = '';;) {{
            const list = await ask('/api/folder/' + folders[0].folder + '?limit=1000' + after);
            for (const item of list.items)
                if (item.kind == 'file') all.push([item.path, item.size, item.mtime, item.blob]);
            if (!list.next) return all;
            after = '&after=' + encodeURIComponent(list.next);
        }} }})()"
    );
    let list = tab.evaluate(&script)?;
    let mut files = BTreeMap::new();
    for item in list.as_array().context("a list")? {
        let path = item[0].as_str().context("a path")?.to_owned();
        let size = item[1].as_u64().context("a size")?;
        let file = Listed { size, mtime: item[2].as_u64(), sha256: item[3].as_str().map(str::to_owned) };
        anyhow::ensure!(files.insert(path.clone(), file).is_none(), "{path} is there twice");
    }
    Ok(files)
}

/// As `listed`, sizes alone.
pub fn listed_sizes(tab: &Tab, empty: u64) -> anyhow::Result<BTreeMap<String, u64>> {
    Ok(listed(tab, empty)?.into_iter().map(|(path, file)| (path, file.size)).collect())
}
