//! The examples of the documentation, run as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::server::{Server, download, file, hex};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_curl_lines_of_the_readme_upload_a_file() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let script = readme
        .split("<!-- test: curl -->\n```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let run = |name: &str| {
        let mut command = Command::new("sh");
        let command = command.args(["-eu", "-c", script]).current_dir(folder.path());
        command.env("SERVER", &server.url).env("FILE", name).output().expect("this test needs sh and curl")
    };
    for name in ["we \"quote\" it.txt", "a\\b.txt", "-n", "50% of $HOME.txt"] {
        let (_, bytes) = file(folder.path(), name, 6, 70);
        let output = run(name);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&hex(&bytes)), "{name}: {text}");
    }
    // No name has a control character in it.
    for name in ["two\nlines", "a\ttab"] {
        file(folder.path(), name, 6, 70);
        let output = run(name);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && why.contains("was not taken") && why.contains("control"),
            "{why}"
        );
    }
    let (_, bytes) = file(folder.path(), "film.mov", 5, 3_500_000);
    let output = run("film.mov");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0]["received"], serde_json::json!([[0, 4]]));
    assert_eq!(answers[1]["blob"], hex(&bytes));
    assert!(download(&format!("{}{}", server.url, answers[1]["url"].as_str().unwrap())) == bytes);
}

#[test]
fn the_python_script_resumes_and_sends_what_changed() {
    let script = root().join("docs/examples/upload.py");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (path, mut bytes) = file(folder.path(), "a.bin", 6, 5_000_000);
    let run = |more: &[&str]| {
        let output = Command::new("python3")
            .arg(&script)
            .arg(&server.url)
            .arg(&path)
            .args(more)
            .output()
            .expect("this test needs python3");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    // A block that is missing and one that changed since, as after a break.
    let started = ureq::post(format!("{}/api/start", server.url))
        .header("Content-Type", "application/json")
        .send(&format!("{{\"name\": \"a.bin\", \"size\": {}}}", bytes.len())[..])
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let session = started["session_id"].as_str().unwrap();
    let mut sent = serde_json::Map::new();
    for index in [0, 1, 3] {
        let block = &bytes[index * 1_048_576..(index + 1) * 1_048_576];
        ureq::put(format!("{}/api/upload/{session}/{index}", server.url)).send(block).unwrap();
        sent.insert(index.to_string(), hex(block).into());
    }
    fs::write(folder.path().join("a.bin.cairn"), serde_json::Value::Object(sent).to_string()).unwrap();
    bytes[1_100_000] ^= 1;
    bytes.extend_from_slice(b"and a longer end");
    fs::write(&path, &bytes).unwrap();
    let (ok, out, err) = run(&[session]);
    assert!(ok, "{out}{err}");
    assert!(out.contains(&format!("sha256 {}", hex(&bytes))), "{out}");
    let link = out.lines().find_map(|line| line.strip_prefix("link ")).unwrap();
    assert!(download(link) == bytes);
    let (ok, out, err) = run(&[]);
    assert!(ok && out.contains(&hex(&bytes)), "{out}{err}");
}
