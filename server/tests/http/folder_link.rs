//! What a folder's link gives: pages without script, and the bytes of each file.

use cairn_shared::ProblemCode;
use serde_json::json;

use crate::folder::Tree;
use crate::site::{Site, noise};

/// Every `href` of a page, in order, as a browser reads them.
fn addresses(html: &str) -> Vec<String> {
    let ends = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    ends.map(|address| address.replace("&amp;", "&")).collect()
}

#[test]
fn the_page_leads_from_the_top_to_every_file() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "Reise <1>", "folders": ["leer", "ü/tief/hohl"]}));
    let nasty = "ü/100%/a b+c?d=e&f#g.txt";
    for (path, bytes) in
        [("b.txt", &b"top"[..]), ("a.txt", b"hello"), (nasty, b"nasty"), ("ü/東京", b"Tokyo")]
    {
        tree.put(path, bytes);
    }
    let (mut levels, mut files, mut seen) = (vec![tree.url.clone()], Vec::new(), Vec::new());
    while let Some(level) = levels.pop() {
        let page = site.ask("GET", &level).send();
        assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
        assert!(page.headers["content-security-policy"].starts_with("default-src 'none'"));
        let html = page.text();
        assert!(!html.contains("<script") && !html.contains("<1>"), "{html}");
        assert_eq!(html.contains("4 files, 18 B"), level == tree.url, "{html}");
        for address in addresses(&html) {
            let is_deeper = address.starts_with(&format!("{}?in=", tree.url));
            if address.contains("/raw/") || address.contains("/raw?path=") {
                files.push(address);
            } else if is_deeper && !seen.contains(&address) {
                seen.push(address.clone());
                levels.push(address);
            }
        }
    }
    assert_eq!((seen.len(), files.len()), (5, 4), "{seen:?} {files:?}");
    let mut contents: Vec<_> = files.iter().map(|file| site.ask("GET", file).send().text()).collect();
    contents.sort_unstable();
    assert_eq!(contents, ["Tokyo", "hello", "nasty", "top"]);
}

#[test]
fn one_level_shows_folders_first_and_the_way_up() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "root", "folders": ["z/empty", "z/y"]}));
    tree.put("z/a", &noise(1, 1_200));
    tree.put("m", b"hello");
    let top = site.ask("GET", &tree.url).send().text();
    assert!(top.find("?in=z\"").unwrap() < top.find("/raw/m\"").unwrap(), "{top}");
    assert!(!top.contains("<nav"));
    let below = site.ask("GET", &format!("{}?in=z&utm_source=x", tree.url)).send().text();
    let positions =
        ["<nav", "?in=z/empty\"", "?in=z/y\"", "/raw/z/a\""].map(|text| below.find(text).unwrap());
    assert!(positions.is_sorted(), "{below}");
    assert!(below.contains("1.2 kB") && below.contains(&format!("href=\"{}\"", tree.url)));
    let empty = site.ask("GET", &format!("{}?in=z/empty", tree.url)).send().text();
    assert!(empty.contains("This folder is empty."), "{empty}");
    let german = site.ask("GET", &tree.url).header("Accept-Language", "de").send().text();
    assert!(german.contains("2 Dateien, 1,2 kB"), "{german}");
    for nowhere in ["x", "z/a", "m", "..", "z/../z", "/z", "z/", "%00", "%ff"] {
        assert_eq!(site.ask("GET", &format!("{}?in={nowhere}", tree.url)).send().status, 404, "{nowhere}");
    }
    assert_eq!(site.ask("GET", &format!("{}?after=a//", tree.url)).send().status, 404);
    assert_eq!(site.ask("HEAD", &tree.url).send().bytes, b"");
}

#[test]
fn long_levels_come_in_pages() {
    let site = Site::start();
    let paths: Vec<_> = (0..1_000).map(|n| format!("big/{n:04}")).collect();
    let tree = Tree::new(&site, &json!({"name": "f", "folders": paths}));
    tree.put("big/file", b"hello");
    let first = site.ask("GET", &format!("{}?in=big", tree.url)).send().text();
    assert_eq!(first.matches("<li").count(), 1_000);
    let next = addresses(&first).into_iter().find(|address| address.contains("after=")).unwrap();
    let second = site.ask("GET", &next).send().text();
    assert!(second.contains("/raw/big/file\"") && second.matches("<li").count() == 1, "{second}");
    assert!(!second.contains("after="));
}

#[test]
fn bytes_come_as_from_a_files_own_link() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "f"}));
    let bytes = noise(1, 150_000);
    let finished = tree.put("a/ü b.txt", &bytes);
    let path = format!("{}/raw/a/%C3%BC%20b.txt", tree.url);
    let whole = site.ask("GET", &path).send();
    let header = |name: &str| whole.headers[name].clone();
    assert_eq!((whole.status, &whole.bytes), (200, &bytes));
    assert_eq!(header("etag"), format!("\"{}\"", finished["manifest_digest"].as_str().unwrap()));
    assert!(header("content-security-policy").starts_with("sandbox;"));
    assert!(
        header("content-disposition").contains("filename*=UTF-8''%C3%BC%20b.txt"),
        "{}",
        header("content-disposition")
    );
    assert_eq!(header("content-type"), "text/plain; charset=utf-8");
    let range = site.ask("GET", &path).header("Range", "bytes=65530-65540").send();
    assert_eq!((range.status, &range.bytes[..]), (206, &bytes[65_530..=65_540]));
    assert_eq!(range.headers["content-range"], "bytes 65530-65540/150000");
    let cached = site.ask("GET", &path).header("If-None-Match", &header("etag")).send();
    assert_eq!(cached.status, 304);
    let head = site.ask("HEAD", &path).send();
    assert_eq!((head.status, head.bytes.len(), head.headers["content-length"].as_str()), (200, 0, "150000"));
    site.ask("GET", &path).header("Range", "bytes=150000-").send().refused(ProblemCode::RangeUnsatisfiable);
    tree.put("a/ü b.txt", b"replaced");
    assert_eq!(site.ask("GET", &path).send().text(), "replaced");
    let folder = site.ask("GET", &format!("{}/raw", tree.url)).send().refused(ProblemCode::NotFound);
    assert!(folder["detail"].as_str().unwrap().contains("folder"), "{folder}");
}

#[test]
fn a_path_is_a_key_and_leads_nowhere_else() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "f", "folders": ["empty"]}));
    tree.put("a/b", b"hello");
    let own = site.owner();
    let started =
        site.ask("POST", "/api/start").by(&own).json(&json!({"name": "b", "size": 0})).send().expect(201);
    let finish = format!("/api/finish/{}", started["session_id"].as_str().unwrap());
    let single = site.ask("POST", &finish).by(&own).send().expect(201)["url"].as_str().unwrap().to_owned();
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = site.raw(request.as_bytes(), false);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let inside = |path: &str| get(&format!("{}/raw/{path}", tree.url));
    assert_eq!(inside("a/b"), "200");
    assert_eq!(inside("%61/b"), "200", "each name may be encoded");
    for nothing in [
        "",
        "a",
        "a/",
        "empty",
        "a/b/",
        "/a/b",
        "a//b",
        "a/./b",
        "../a/b",
        "a/../a/b",
        "..",
        "%2e%2e/a/b",
        "a%2Fb",
        "a%2fb",
        "a/b%00",
        "a/b?x=/../..",
        "A/B",
        "a%5Cb",
        "../../../../etc/passwd",
        "%252e",
    ] {
        let expected = if nothing.contains('?') { "200" } else { "404" };
        assert_eq!(inside(nothing), expected, "{nothing}");
    }
    for broken in ["a/%", "a/%4", "a/%zz", "a/%ff", "a/%c3", "%+1/b"] {
        assert_eq!(inside(broken), "400", "{broken}");
    }
    for nothing in ["c", "b/b", "B", "b/"] {
        assert_eq!(get(&format!("{single}/raw/{nothing}")), "404", "{nothing}: a file has nothing inside");
    }
    for own in ["raw", "raw/b", "raw/%62", "raw?path=b", "raw?utm_source=x"] {
        assert_eq!(get(&format!("{single}/{own}")), "200", "{own}");
    }
    let in_query = |path: &str| get(&format!("{}/raw?path={path}", tree.url));
    for same in ["a/b", "a%2Fb", "%61%2fb"] {
        assert_eq!(in_query(same), "200", "{same}");
    }
    for nothing in
        ["", "a", "a/", "/a/b", "a//b", "../a/b", "a/../a/b", "%2e%2e/a/b", "a%5Cb", "a/b%00", "A/B"]
    {
        assert_eq!(in_query(nothing), "404", "{nothing}");
    }
    assert_eq!(get("/d/AAAAAAAAAAAAAAAAAAAAAA/raw/a/b"), "404");
}

#[test]
fn a_list_tells_programs_what_the_page_tells_people() {
    let site = Site::start();
    let tree = Tree::new(&site, &json!({"name": "Reise", "folders": ["leer"]}));
    let bytes = noise(1, 70_000);
    let finished = tree.put("a/50% b.txt", &bytes);
    tree.put("top", b"top");
    let list = |query: &str| site.ask("GET", &format!("{}/list{query}", tree.url)).send();
    let top = list("").expect(200);
    assert_eq!(
        (&top["kind"], &top["name"], &top["rights"], &top["folder"]),
        (&json!("folder"), &json!("Reise"), &json!(["read"]), &json!(tree.id))
    );
    assert_eq!((&top["files"], &top["bytes"], &top["next"]), (&json!(2), &json!(70_003), &json!(null)));
    assert!(top["revision"].as_u64().unwrap() >= 2 && top.get("file").is_none(), "{top}");
    let names = |page: &serde_json::Value| -> Vec<_> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| (item["name"].clone(), item["kind"].clone())).collect()
    };
    let expected = [("a", "folder"), ("leer", "folder"), ("top", "file")].map(|(n, k)| (json!(n), json!(k)));
    assert_eq!(names(&top), expected);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?limit=1{after}")).expect(200);
        paged.extend(names(&page));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(paged, expected);
    let inside = list("?in=a").expect(200);
    let item = &inside["items"][0];
    assert_eq!(
        (&item["name"], &item["size"], &item["mtime"]),
        (&json!("50% b.txt"), &json!(70_000), &json!(7))
    );
    assert_eq!(item["manifest_digest"], finished["manifest_digest"]);
    // The address that it and the page make of the name gives the bytes, by both forms.
    for address in ["raw/a/50%25%20b.txt", "raw?path=a/50%25%20b.txt"] {
        assert_eq!(site.ask("GET", &format!("{}/{address}", tree.url)).send().bytes, bytes);
    }
    for (query, status) in [("?limit=0", 400), ("?limit=1001", 400), ("?in=top", 404), ("?in=x", 404)] {
        assert_eq!(list(query).status, status, "{query}");
    }
    assert_eq!(site.ask("HEAD", &format!("{}/list", tree.url)).send().bytes, b"");
    assert_eq!(list("").headers["access-control-allow-origin"], "*");
}
