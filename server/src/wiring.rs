//! Routes to handlers, made from the table.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, Resource, Route as Handler, guard, web};
use cairn_shared::route::{Method, Route};
use cairn_shared::{Problem, ProblemCode};

use crate::http::{preflight, problem_response};
use crate::stages::{batch, check, download, finish, folder, owner, share, start, status, upload};

/// Answers what no route takes.
pub(crate) async fn not_found() -> HttpResponse {
    problem_response(&Problem::new(ProblemCode::NotFound, "There is nothing at this address."))
}

async fn method_not_allowed() -> HttpResponse {
    problem_response(&Problem::new(
        ProblemCode::MethodNotAllowed,
        "docs/PROTOCOL.md lists what each address takes.",
    ))
}

/// One resource per address, made from the route table.
pub(crate) fn resources() -> Vec<Resource> {
    let mut by_pattern: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for route in Route::ALL {
        by_pattern.entry(anonymous(route.pattern())).or_default().push(*route);
    }
    by_pattern
        .into_iter()
        .map(|(pattern, routes)| {
            let resource = web::resource(pattern).default_service(web::to(method_not_allowed));
            let is_for_everybody = routes.iter().any(|route| is_for_everybody(*route));
            let resource =
                routes.into_iter().fold(resource, |resource, route| resource.route(handler(route)));
            if is_for_everybody {
                resource.route(web::method(actix_web::http::Method::OPTIONS).to(preflight))
            } else {
                resource
            }
        })
        .collect()
}

/// The pattern with its variables numbered, so that two routes of one address share a resource.
fn anonymous(pattern: &str) -> String {
    let mut number = 0;
    let parts = pattern.split('/').map(|part| {
        if !part.starts_with('{') {
            return part.to_owned();
        }
        number += 1;
        // A path has slashes in it: it is all that is left of the address.
        if part == "{path}" { format!("{{v{number}:.*}}") } else { format!("{{v{number}}}") }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Pages of other sites may read what a link gives.
fn is_for_everybody(route: Route) -> bool {
    matches!(route, Route::LinkList | Route::Raw | Route::RawIn)
}

/// The handler of a route: one that has none does not compile.
fn handler(route: Route) -> Handler {
    let base = match route.method() {
        Method::Get => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        Method::Post => web::post(),
        Method::Put => web::put(),
        Method::Delete => web::delete(),
    };
    match route {
        Route::Health => base.to(health),
        Route::Owner => base.to(owner::route::post),
        Route::Folder => base.to(folder::route::post),
        Route::FolderList => base.to(folder::route::list),
        Route::Folders => base.to(folder::route::folders),
        Route::FolderDelete => base.to(folder::route::delete),
        Route::Start => base.to(start::route::post),
        Route::CheckHash => base.to(check::route::post_hash),
        Route::Check => base.to(check::route::post),
        Route::Upload => base.to(upload::route::put),
        Route::Channel => base.to(upload::channel::open),
        Route::Status => base.to(status::route::get),
        Route::Finish => base.to(finish::route::post),
        Route::BatchStart => base.to(batch::route::start),
        Route::BatchCheck => base.to(batch::route::check),
        Route::BatchUpload => base.to(batch::route::upload),
        Route::BatchFinish => base.to(batch::route::finish),
        Route::SessionDelete => base.to(status::route::delete),
        Route::Share => base.to(share::route::post),
        Route::ShareDelete => base.to(share::route::delete),
        Route::Files => base.to(share::route::files),
        Route::FileDelete => base.to(share::route::delete_file),
        Route::SharePage => base.to(download::route::page),
        Route::LinkList => base.to(download::route::list),
        Route::Raw => base.to(download::route::raw),
        Route::RawIn => base.to(download::route::raw_in),
    }
}

/// Ready as soon as it listens: the stores were opened before.
async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n")
}
