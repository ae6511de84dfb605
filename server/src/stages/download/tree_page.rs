//! The share page of a folder: one level of it at a time, as HTML that works without script.

use cairn_shared::{LinkToken, Name, RelPath, name, route};
use cairn_store::model::Child;
use maud::{Markup, html};

use super::page::{Reader, Words, frame, size, words};
use super::tree::Tree;

/// The page of one level.
pub(super) fn shown(tree: &Tree, token: &LinkToken, reader: Reader<'_>) -> String {
    let words = words(reader.language);
    let link = &format!("{}/d/{token}", reader.base);
    let title = match &tree.inside {
        Some(inside) => name::visible(inside.last()),
        None => tree.name.visible(),
    };
    let body = html! {
        h1 { bdi { (title) } }
        @match &tree.inside {
            Some(inside) => (place(words, tree, inside, link)),
            None => p.size { (totals(words, tree)) },
        }
        @if tree.children.is_empty() {
            p { (words.empty) }
        } @else {
            ul { @for child in &tree.children { (line(words, tree.inside.as_ref(), child, link)) } }
        }
        @if let Some(next) = &tree.next {
            a.more href=(route::level(link, tree.inside.as_ref().map(RelPath::as_str), Some(next))) { (words.more) }
        }
    };
    frame(reader, &title, true, &body)
}

/// Of the whole folder, so at its top alone: what a level has in all would take a look at everything below it.
fn totals(words: &Words, tree: &Tree) -> String {
    let files = match tree.files {
        1 => words.one_file.clone(),
        files => words.files.replace("{n}", &files.to_string()),
    };
    format!("{files}, {}", size(words, tree.bytes))
}

/// The way from the top down to here, each step a link.
fn place(words: &Words, tree: &Tree, inside: &RelPath, link: &str) -> Markup {
    let mut above: Vec<RelPath> = inside.ancestors().collect();
    above.reverse();
    html! {
        nav aria-label=(words.place) {
            a href=(route::level(link, None, None)) { bdi { (tree.name.visible()) } }
            @for path in &above {
                " / "
                a href=(route::level(link, Some(path.as_str()), None)) { bdi { (name::visible(path.last())) } }
            }
            " / "
            bdi aria-current="page" { (name::visible(inside.last())) }
        }
    }
}

fn line(words: &Words, inside: Option<&RelPath>, child: &Child, link: &str) -> Markup {
    match child {
        Child::Folder(name) => html! {
            li.folder { a href=(route::level(link, Some(&below(inside, name)), None)) { bdi { (name.visible()) } "/" } }
        },
        Child::File(name, file) => html! {
            li {
                a href=(route::raw(link, &below(inside, name))) download {
                    bdi { (name.visible()) }
                }
                span { (size(words, file.size)) }
            }
        },
    }
}

fn below(inside: Option<&RelPath>, name: &Name) -> String {
    inside.map_or_else(|| name.to_string(), |inside| format!("{inside}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(inside: Option<&str>, names: &[&str]) -> Tree {
        Tree {
            folder: cairn_shared::FolderId::new([1; 16]),
            name: "<b>root".parse().unwrap(),
            revision: 1,
            files: 1,
            bytes: 1_200,
            inside: inside.map(|path| path.parse().unwrap()),
            children: names.iter().map(|name| Child::Folder(name.parse().unwrap())).collect(),
            next: names.last().map(|name| format!("{name}/")),
        }
    }

    #[test]
    fn names_are_inert_and_addresses_lead_back_to_them() {
        let token = LinkToken::new([7; 16]);
        let nasty = "a&b=c#d?e%41+\"><script>\u{202e}x";
        let page = shown(&tree(Some("up/<i>"), &[nasty]), &token, Reader::default());
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>"), "{page}");
        assert!(!page.contains('\u{202e}') && page.contains("\\u{202E}x"));
        let encoded = "a%26b%3Dc%23d%3Fe%2541%2B%22%3E%3Cscript%3E%E2%80%AEx";
        assert!(page.contains(&format!("?in=up/%3Ci%3E/{encoded}\"")), "{page}");
        assert!(page.contains(&format!("?in=up/%3Ci%3E&amp;after={encoded}/\"")), "{page}");
        assert!(page.contains(&format!("href=\"/d/{token}?in=up\"")), "{page}");
        assert!(!page.contains("1.2 kB"), "the totals are those of the whole folder");
    }

    #[test]
    fn an_empty_level_says_so_in_the_readers_language() {
        let page =
            shown(&tree(None, &[]), &LinkToken::new([7; 16]), Reader { language: Some("de"), base: "" });
        assert!(page.contains("Dieser Ordner ist leer.") && page.contains("1 Datei, 1,2 kB"), "{page}");
        assert!(!page.contains("<nav"));
    }
}
