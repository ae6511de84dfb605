//! One suite over every adapter: each promise in the traits' comments, tested through the traits alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod check;
mod chunk;
mod finish;
mod folder;
mod follow;
mod guest;
mod operate;
mod owner;
mod share;
mod start;
mod status;
mod support;
mod sweep;
mod upload;

/// Makes one test per case and adapter. A case that no list names is dead code, which the lints refuse.
macro_rules! suite {
    ($($module:ident { $($case:ident),+ $(,)? })+) => {
        suite!(@ memory $($module { $($case)+ })+);
        suite!(@ disk $($module { $($case)+ })+);
        suite!(@ disk_redb $($module { $($case)+ })+);
    };
    (@ $adapter:ident $($module:ident { $($case:ident)+ })+) => {
        mod $adapter {
            $(mod $module {
                $(#[test]
                fn $case() {
                    $crate::support::run($crate::support::Kit::$adapter, $crate::$module::$case);
                })+
            })+
        }
    };
}

suite! {
    owner {
        an_owner_is_found_by_the_hash_of_his_key,
        adding_again_is_idempotent_and_never_overwrites,
    }
    start {
        a_session_begins_open_and_empty,
        the_same_key_and_fields_find_the_same_session,
        other_fields_under_the_same_key_are_refused,
        a_key_belongs_to_its_owner,
        an_ownerless_key_stands_on_its_own,
        without_a_key_every_start_is_a_new_session,
        a_repeated_start_finds_a_session_in_any_state,
        a_size_of_too_many_rows_is_refused,
    }
    check {
        declared_rows_are_kept_in_order,
        repeating_and_extending_is_idempotent,
        another_row_in_the_same_revision_is_refused,
        revisions_go_one_by_one,
        the_next_revision_replaces_from_at_and_drops_the_rest,
        rows_that_came_back_are_rows_again,
        dropping_twice_with_a_later_start_keeps_what_lies_between,
        a_gap_never_shows_a_row_of_an_older_revision,
        rows_begin_nowhere_behind_the_last,
        too_many_rows_are_refused,
        lengths_fit_the_rule,
        the_size_is_told_only_with_a_new_revision,
        a_plain_file_that_grew_keeps_its_full_rows,
        a_plain_file_that_shrank_drops_what_no_longer_fits,
        a_row_defined_by_a_put_becomes_declared,
        have_means_a_hold_of_this_owner,
        nothing_is_deduplicated_across_owners,
        the_same_digest_with_another_length_is_needed,
        within_a_session_only_its_own_holds_count,
        present_tells_of_what_anybody_holds,
        an_adopted_chunk_is_held_like_any_other,
        what_is_damaged_or_being_deleted_is_not_adopted,
        a_session_over_takes_no_rows,
        a_refused_declaration_changes_nothing,
        unknown_sessions_are_not_found,
    }
    upload {
        an_arrived_chunk_is_recorded_and_held,
        arriving_again_is_idempotent,
        a_declared_row_must_be_equal,
        fastcdc_refuses_undeclared_rows,
        a_known_size_gives_every_row_its_length,
        an_unknown_size_lets_only_the_highest_row_be_short,
        a_later_put_replaces_an_undeclared_row,
        the_expiry_only_ever_grows,
        a_session_over_takes_no_chunks,
        rows_are_found_one_by_one,
        placement_follows_the_record,
    }
    status {
        promised_rows_are_missing_until_they_arrive,
        gaps_below_the_highest_are_missing,
        arrival_belongs_to_the_digest_not_the_index,
        pages_go_on_where_they_ended,
        a_call_looks_at_no_more_rows_than_it_is_told,
        rows_end_at_the_first_gap,
        an_unknown_session_has_no_status,
    }
    finish {
        a_session_becomes_a_file_with_a_link,
        publishing_again_gives_the_same_file,
        an_empty_file_needs_no_rows,
        the_revision_must_be_the_current_one,
        rows_and_manifest_must_be_what_the_client_says,
        the_size_must_be_the_sum,
        missing_chunks_are_named,
        an_ended_or_overdue_session_is_closed,
        a_plain_client_may_say_nothing,
        a_published_session_takes_nothing_more,
        giving_up_is_idempotent,
        publishing_while_chunks_arrive_never_makes_a_hole,
    }
    folder {
        the_same_key_and_name_find_the_same_folder,
        folders_are_added_in_one_revision,
        a_published_file_lies_in_its_folder_alone,
        a_folder_must_be_its_owners,
        a_file_takes_the_place_of_another,
        a_taken_path_is_refused,
        a_deleted_file_leaves_its_folder,
        entries_come_in_pages_in_byte_order,
        since_tells_what_came_later,
        children_come_in_pages_folders_first,
        a_link_gives_a_folder,
        folders_are_listed_in_pages,
        a_deleted_folder_is_gone_at_once_and_its_files_by_a_job,
        a_large_folder_is_deleted_in_several_steps,
        files_with_many_links_are_deleted_in_several_steps,
    }
    operate {
        notes_are_found_again,
        owners_and_sessions_come_in_pages,
        a_locked_owner_has_no_key,
        holders_of_a_chunk_are_named,
    }
    share {
        files_are_listed_in_pages,
        links_need_a_file,
        links_of_one_target_are_bounded,
        a_link_is_found_by_its_token,
        a_link_is_looked_at_with_its_file,
        removing_a_link_is_idempotent,
        a_deleted_file_takes_its_links_along,
        a_deleted_file_is_not_published_again,
        a_file_is_found_by_its_blob,
    }
    follow {
        sessions_with_declared_rows_and_files_are_wanted,
        a_saved_state_is_found_again,
        an_older_revision_is_not_saved,
        a_revision_keeps_or_forgets_the_state,
        rows_of_a_put_are_followed_once_published,
        a_file_of_one_chunk_has_its_blob_at_once,
        the_blob_ends_the_job,
        the_blob_of_an_open_or_deleted_session_is_ignored,
    }
    sweep {
        sessions_over_time_end,
        what_a_clock_filed_that_ran_ahead_ends_in_time,
        an_ended_session_lets_go_of_its_chunks,
        a_held_chunk_is_never_doomed,
        deleting_a_file_leaves_others_alone,
        holds_outside_the_manifest_end_after_finish,
        a_check_saves_a_condemned_chunk_of_the_same_owner,
        an_arrival_saves_a_condemned_chunk,
        a_chunk_that_is_being_deleted_comes_back_under_the_next_generation,
        a_forgotten_generation_never_comes_back,
        doomed_chunks_of_an_earlier_run_are_given_again,
        doomed_chunks_that_stay_are_walked_past,
        archive_records_are_forgotten_and_files_stay,
        many_rows_take_several_steps,
        dropped_rows_are_removed_by_the_sweep,
    }
    guest {
        what_a_guest_keeps_is_counted_and_given_back,
        a_guest_who_never_held_anything_is_forgotten,
        a_guest_s_session_of_which_nothing_came_ends_early,
        a_guest_s_session_that_was_given_up_is_known_until_the_sweep,
        a_guest_who_would_keep_too_much_is_refused,
        a_guest_declares_few_rows_ahead_of_what_came,
        ordinary_trees_of_empty_files_are_never_too_much,
    }
    chunk {
        bytes_come_back_from_any_offset,
        the_digest_is_that_of_the_bytes,
        a_chunk_may_be_empty_or_of_one_byte,
        too_many_bytes_are_refused,
        nothing_is_visible_before_it_is_placed,
        placing_twice_is_idempotent,
        generations_are_different_copies,
        removing_again_is_idempotent,
        a_chunk_that_is_not_there_is_damage,
        what_compresses_well_takes_less,
        what_saves_too_little_stays_plain,
        a_crowd_of_writers_changes_nothing,
        small_chunks_are_compressed_one_by_one,
        frames_that_are_not_those_of_the_chunk_are_damage,
        a_damaged_compressed_chunk_is_found_and_healed,
        there_is_space_left,
        many_writers_work_at_the_same_time,
    }
}
