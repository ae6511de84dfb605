//! The page below a path of its host.

use std::time::Duration;

use cairn_e2e::{Browser, Page, Server, get, random_file};

const SIZE: u64 = 12_000_000;
const NAME: &str = "below.bin";

#[test]
fn the_page_works_below_the_path_of_the_public_address() -> anyhow::Result<()> {
    let settings = [("CAIRN_PUBLIC_URL", "http://cairn.test/cairn"), ("CAIRN_LOCAL_UPLOAD", "true")];
    let (server, browser, folder) = (Server::start_with(&settings)?, Browser::start()?, tempfile::tempdir()?);
    let file = folder.path().join(NAME);
    let digest = random_file(&file, SIZE, 3)?;
    let tab = browser.open(&server.url("/cairn/"))?;
    let page = Page::ready(&tab)?;
    page.drop_files(&[&file])?;
    page.wait_state(NAME, "done", Duration::from_secs(30))?;
    let link = page.link(NAME)?;
    assert!(link.starts_with(&server.url("/cairn/d/")), "{link}");
    let answer = get(&format!("{link}/raw"))?;
    assert_eq!((answer.status, answer.sha256), (200, digest));
    // Nothing was asked for at the top of the host.
    let outside = "performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)\
                   .filter(path => !path.startsWith('/cairn/')).join()";
    assert_eq!(tab.evaluate(outside)?, "");
    assert_eq!(browser.troubles()?, Vec::<String>::new());
    Ok(())
}
