//! `cairn get`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use cairn_shared::Name;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::say;

/// The longest wait for a connection, an answer, or the next bytes.
const WAIT: Duration = Duration::from_secs(60);
/// Attempts without a single new byte before it gives up.
const TRIES_MAX: u32 = 5;

/// Options of `cairn get`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The link, as it was given: `https://server/d/...`.
    link: String,
    /// Where the file goes; otherwise its own name in this folder. An existing file is never overwritten.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Downloads the file, going on where an earlier attempt ended, and checks its digest.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let url = raw_url(&options.link)?;
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(WAIT))
        .timeout_recv_response(Some(WAIT))
        .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let head = Head::ask(&agent, &url)?;
    let target = options.output.unwrap_or_else(|| PathBuf::from(head.name.as_str()));
    anyhow::ensure!(!target.exists(), "{} exists already: choose another name with -o", target.display());
    let partial = partial_path(&target, &head.tag);
    fetch(&agent, &url, &head, &partial)?;
    verify(&partial, &head)?;
    fs::rename(&partial, &target).with_context(|| format!("can't write {}", target.display()))?;
    say::progress("");
    say::tell(&target.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn raw_url(link: &str) -> anyhow::Result<String> {
    let link = link.trim_end_matches('/');
    anyhow::ensure!(
        (link.starts_with("http://") || link.starts_with("https://")) && link.contains("/d/"),
        "\"{link}\" is no link: it has the form https://server/d/..."
    );
    Ok(if link.ends_with("/raw") { link.to_owned() } else { format!("{link}/raw") })
}

/// What the server says of the file.
struct Head {
    name: Name,
    size: u64,
    tag: String,
    sha256: Option<[u8; 32]>,
}

impl Head {
    fn ask(agent: &Agent, url: &str) -> anyhow::Result<Self> {
        let response = agent.head(url).call().with_context(|| format!("{url} can't be reached"))?;
        anyhow::ensure!(
            response.status().is_success(),
            "there is nothing behind this link (status {})",
            response.status()
        );
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let size = header("content-length")
            .and_then(|size| size.parse().ok())
            .context("the server tells no size")?;
        let tag = header("etag").context("the server tells no ETag")?.to_owned();
        let sha256 = header("repr-digest")
            .and_then(|digest| digest.strip_prefix("sha-256=:")?.strip_suffix(':'))
            .and_then(|digest| BASE64.decode(digest.as_bytes()).ok()?.try_into().ok());
        let name = header("content-disposition")
            .and_then(file_name)
            .context("the server tells no usable name: say one with -o")?;
        Ok(Self { name, size, tag, sha256 })
    }
}

/// The name in `filename*`, where it is one name and no path.
fn file_name(disposition: &str) -> Option<Name> {
    let (_, encoded) = disposition.split_once("filename*=UTF-8''")?;
    let encoded = encoded.split(';').next()?.trim();
    percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?.parse().ok()
}

/// Where an unfinished download of this very content lies: a changed file begins anew.
fn partial_path(target: &Path, tag: &str) -> PathBuf {
    let short: String = tag.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{short}.unfinished"));
    target.with_file_name(name)
}

fn fetch(agent: &Agent, url: &str, head: &Head, partial: &Path) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(partial);
    let file =
        file.as_mut().map_err(|error| anyhow::anyhow!("can't write {}: {error}", partial.display()))?;
    let mut tries = 0;
    loop {
        let have = file.metadata()?.len();
        if have >= head.size {
            return Ok(file.sync_data()?);
        }
        match copy(agent, url, head, have, file) {
            Ok(()) => {}
            Err(Broken::Line(_)) if file.metadata()?.len() > have => tries = 0,
            Err(Broken::Line(error)) if tries < TRIES_MAX => {
                tries += 1;
                say::progress(&format!("waiting for the server: {error:#}"));
                std::thread::sleep(Duration::from_millis(250 << tries));
            }
            Err(Broken::Line(error) | Broken::Disk(error)) => return Err(error),
        }
    }
}

/// What broke a download off.
enum Broken {
    /// The line or the server: going on may help.
    Line(anyhow::Error),
    /// The disk here, or a file that is another by now.
    Disk(anyhow::Error),
}

fn copy(agent: &Agent, url: &str, head: &Head, have: u64, file: &mut File) -> Result<(), Broken> {
    let line = |error: ureq::Error| Broken::Line(error.into());
    let response =
        agent.get(url).header("Range", format!("bytes={have}-")).header("If-Range", &head.tag).call();
    let mut response: Response<Body> = response.map_err(line)?;
    if response.status().as_u16() != 206 {
        let error = anyhow::anyhow!("the server answered with {}", response.status());
        return Err(if response.status().is_server_error() {
            Broken::Line(error)
        } else {
            Broken::Disk(error)
        });
    }
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 18];
    let mut at = have;
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Broken::Line(error.into())),
        };
        file.write_all(&buffer[..read]).map_err(|error| Broken::Disk(error.into()))?;
        at += read as u64;
        say::progress(&format!("{} of {} MB", at / 1_000_000, head.size / 1_000_000));
    }
    if at < head.size { Err(Broken::Line(anyhow::anyhow!("the download ended early"))) } else { Ok(()) }
}

fn verify(partial: &Path, head: &Head) -> anyhow::Result<()> {
    let Some(expected) = head.sha256 else { return Ok(()) };
    let mut file = File::open(partial)?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        sha.update(&buffer[..read]);
    }
    let found: [u8; 32] = sha.finalize().into();
    if found == expected {
        return Ok(());
    }
    fs::remove_file(partial)?;
    anyhow::bail!("the bytes that came are not those of the file: download it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_leave_the_folder() {
        let name = |text: &str| file_name(&format!("attachment; filename=\"x\"; filename*=UTF-8''{text}"));
        assert_eq!(name("a%20b.txt").map(|name| name.to_string()).as_deref(), Some("a b.txt"));
        for bad in ["..", "..%2Fx", "%2Fetc%2Fpasswd", "a%00b", "%FF", ""] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
