//! A small page for the harness to try itself on, and a server that knows nothing else.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>harness</title><link rel="icon" href="data:,">
<p>A page for the harness</p><div id="zone" style="height:100px">drop here</div>
<button id="first">first</button><button id="button">second</button><button id="choose">open</button>
<input id="input" type="file" multiple tabindex="-1"><script src="/page.js"></script>"#;

const SCRIPT: &str = "
presses = 0;
button.addEventListener('click', () => presses += 1);
choose.addEventListener('click', () => input.click());
input.addEventListener('change', () => chosen = [...input.files]);
zone.addEventListener('dragover', event => event.preventDefault());
zone.addEventListener('drop', event => { event.preventDefault(); dropped = [...event.dataTransfer.files]; });
";

/// Serves until the test's process ends.
pub(crate) struct Site {
    address: SocketAddr,
}

impl Site {
    /// Listens on a free port.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(&stream));
            }
        });
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// One request a connection.
fn answer(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line
            .strip_prefix("content-length:")
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(length);
    }
    let body = io::copy(&mut reader.take(length), &mut io::sink())?.to_string();
    let (kind, text) = match first.split_whitespace().nth(1) {
        Some("/") => ("text/html", PAGE),
        Some("/page.js") => ("text/javascript", SCRIPT),
        Some("/worker.js") => ("text/javascript", "console.error('from the worker')"),
        _ => ("text/plain", body.as_str()),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Security-Policy: script-src 'self'\r\n\r\n{text}",
        text.len()
    )
}
