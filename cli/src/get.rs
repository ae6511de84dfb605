//! `cairn get`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use cairn_shared::Name;
use data_encoding::BASE64;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::say;

/// The longest wait for a connection, an answer, or the next bytes.
const WAIT: Duration = Duration::from_secs(60);
/// Attempts without a single new byte before it gives up.
const TRIES_MAX: u32 = 5;
/// Pauses before the server is asked again for a digest that it had not computed yet, in milliseconds.
const DIGEST_PAUSES: [u64; 6] = [0, 250, 500, 1_000, 3_000, 5_000];

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
    let agent = agent(WAIT);
    let head = Head::ask(&agent, &url)?;
    let target = options.output.unwrap_or_else(|| PathBuf::from(head.name.as_str()));
    anyhow::ensure!(!target.exists(), "{} exists already: choose another name with -o", target.display());
    let partial = partial_path(&target, &head.tag);
    fetch(&agent, &url, &head, &partial)?;
    let digest = head.sha256.or_else(|| late_digest(&agent, &url, &head, &DIGEST_PAUSES));
    if let Some(digest) = digest {
        verify(&partial, digest)?;
    }
    settle(&partial, &target)?;
    say::progress("");
    if digest.is_none() {
        say::complain(
            "The server has not computed this file's SHA-256 yet: the bytes were compared with nothing.",
        );
    }
    say::tell(&target.display().to_string());
    Ok(ExitCode::SUCCESS)
}

fn agent(wait: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(wait))
        .timeout_recv_response(Some(wait))
        .timeout_per_read(Some(wait))
        .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
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
        let status = response.status();
        match status.as_u16() {
            200..300 => {}
            404 | 410 => anyhow::bail!("there is nothing behind this link (status {status})"),
            500.. => {
                anyhow::bail!("the server can't give this file now (status {status}): try again in a while")
            }
            _ => anyhow::bail!("the server refuses this link (status {status})"),
        }
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

/// The digest of this very content, which the server computes behind the upload; `None` where that takes too long.
fn late_digest(agent: &Agent, url: &str, head: &Head, pauses: &[u64]) -> Option<[u8; 32]> {
    pauses.iter().find_map(|pause| {
        std::thread::sleep(Duration::from_millis(*pause));
        say::progress("waiting for the file's digest");
        Head::ask(agent, url).ok().filter(|now| now.tag == head.tag)?.sha256
    })
}

fn verify(partial: &Path, expected: [u8; 32]) -> anyhow::Result<()> {
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

/// Gives the download its name, unless something has it by now.
fn settle(partial: &Path, target: &Path) -> anyhow::Result<()> {
    let settled = match renameat_with(CWD, partial, CWD, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link(partial, target),
        renamed => renamed.map_err(io::Error::from),
    };
    if matches!(&settled, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
        anyhow::bail!("{} exists by now: the download lies at {}", target.display(), partial.display());
    }
    settled.with_context(|| format!("can't write {}", target.display()))
}

/// The same where the file system can't rename without replacing.
fn link(partial: &Path, target: &Path) -> io::Result<()> {
    fs::hard_link(partial, target)?;
    fs::remove_file(partial)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn names_never_leave_the_folder() {
        let name = |text: &str| file_name(&format!("attachment; filename=\"x\"; filename*=UTF-8''{text}"));
        assert_eq!(name("a%20b.txt").map(|name| name.to_string()).as_deref(), Some("a b.txt"));
        for bad in ["..", "..%2Fx", "%2Fetc%2Fpasswd", "a%00b", "%FF", ""] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }

    const TAG: &str = "ETag: \"t\"\r\nContent-Disposition: attachment; filename*=UTF-8''a\r\n";

    /// A server that gives each of these answers once; where it listens.
    fn answers(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let link = format!("http://{}/d/x", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let mut asked = [0; 4_096];
                assert!(socket.read(&mut asked).unwrap() > 0);
                socket.write_all(answer.as_bytes()).unwrap();
                // Kept open: whoever waits for more waits.
                open.push(socket);
            }
        });
        link
    }

    fn head(sha256: Option<&[u8]>) -> String {
        let digest = sha256
            .map(|bytes| format!("Repr-Digest: sha-256=:{}:\r\n", BASE64.encode(&Sha256::digest(bytes))));
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n{TAG}{}\r\n",
            digest.unwrap_or_default()
        )
    }

    fn bytes(bytes: &str) -> String {
        format!("HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nConnection: close\r\n{TAG}\r\n{bytes}")
    }

    fn get(link: String, output: &Path) -> Result<(), String> {
        let options = Options { link, output: Some(output.to_owned()) };
        run(options).map(drop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_digest_that_comes_late_is_compared() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let late = |sent: &[u8]| answers(vec![head(None), bytes("hello"), head(None), head(Some(sent))]);
        let why = get(late(b"other"), &target).unwrap_err();
        assert!(why.contains("not those of the file"), "{why}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        get(late(b"hello"), &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"hello");
    }

    #[test]
    fn no_digest_at_all_is_no_digest() {
        let asked = Head { name: "a".parse().unwrap(), size: 5, tag: "\"t\"".to_owned(), sha256: None };
        let ask = |answer: String, asked: &Head| {
            let url = raw_url(&answers(vec![head(None), answer])).unwrap();
            late_digest(&agent(WAIT), &url, asked, &[0; 2])
        };
        assert_eq!(ask(head(None), &asked), None);
        assert!(ask(head(Some(b"hello")), &asked).is_some());
        let other = Head { tag: "\"u\"".to_owned(), ..asked };
        assert_eq!(ask(head(Some(b"hello")), &other), None, "it is that of something else");
    }

    #[test]
    fn a_stalled_body_is_not_waited_for_for_ever() {
        let asked = Head { name: "a".parse().unwrap(), size: 5, tag: "\"t\"".to_owned(), sha256: None };
        let url = raw_url(&answers(vec![bytes("hel")])).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let broken = copy(&agent(Duration::from_millis(200)), &url, &asked, 0, &mut file);
        assert!(matches!(broken, Err(Broken::Line(_))));
        assert_eq!(file.metadata().unwrap().len(), 3, "what came is kept");
    }

    #[test]
    fn nothing_is_ever_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, target) = (folder.path().join("a.unfinished"), folder.path().join("a"));
        let place: [fn(&Path, &Path) -> bool; 2] =
            [|from, to| settle(from, to).is_ok(), |from, to| link(from, to).is_ok()];
        for place in place {
            fs::write(&partial, "new").unwrap();
            fs::write(&target, "old").unwrap();
            assert!(!place(&partial, &target));
            assert_eq!(
                (fs::read(&partial).unwrap(), fs::read(&target).unwrap()),
                (b"new".to_vec(), b"old".to_vec())
            );
            fs::remove_file(&target).unwrap();
            assert!(place(&partial, &target));
            assert_eq!((fs::read(&target).unwrap(), partial.exists()), (b"new".to_vec(), false));
        }
    }

    #[test]
    fn a_server_in_trouble_is_no_dead_link() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |status: &str| {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            get(answers(vec![answer]), &folder.path().join("a")).unwrap_err()
        };
        assert!(refused("503 Service Unavailable").contains("try again"));
        assert!(refused("421 Misdirected Request").contains("refuses"));
        for status in ["404 Not Found", "410 Gone"] {
            assert!(refused(status).contains("nothing behind this link"));
        }
    }
}
