"""What opencode writes into its `migration` table: the journal that tells one schema from another.

The ids are known up to 1.18.34 and 2.0.32. A file whose journal names another one was made by a
version nobody here has seen, whatever its tables look like.
"""

from __future__ import annotations

MIGRATIONS = (
    "20260127222353_familiar_lady_ursula",
    "20260211171708_add_project_commands",
    "20260213144116_wakeful_the_professor",
    "20260225215848_workspace",
    "20260227213759_add_session_workspace_id",
    "20260228203230_blue_harpoon",
    "20260303231226_add_workspace_fields",
    "20260309230000_move_org_to_state",
    "20260312043431_session_message_cursor",
    "20260323234822_events",
    "20260410174513_workspace-name",
    "20260413175956_chief_energizer",
    "20260423070820_add_icon_url_override",
    "20260427172553_slow_nightmare",
    "20260428004200_add_session_path",
    "20260501142318_next_venus",
    "20260504145000_add_sync_owner",
    "20260507164347_add_workspace_time",
    "20260510033149_session_usage",
    "20260511000411_data_migration_state",
    "20260511173437_session-metadata",
    "20260601010001_normalize_storage_paths",
    "20260601202201_amazing_prowler",
    "20260602002951_lowly_union_jack",
    "20260602182828_add_project_directories",
    "20260603001617_session_message_projection_indexes",
    "20260603040000_session_message_projection_order",
    "20260603141458_session_input_inbox",
    "20260603160727_jittery_ezekiel_stane",
    "20260604172448_event_sourced_session_input",
    "20260605003541_add_session_context_snapshot",
    "20260605042240_add_context_epoch_agent",
    "20260611035744_credential",
    "20260611192811_lush_chimera",
    "20260612174303_project_dir_strategy",
    "20260622142730_simplify_session_context_epoch",
    "20260622170816_reset_v2_session_state",
    "20260622202450_simplify_session_input",
)
"""Of 1.17.11 to 1.18.34; with these 1.x finds nothing left to migrate."""

V2_MIGRATIONS = (
    "20260804233008_loose_psylocke",
    "20260805200742_import_legacy_credentials",
    "20260808023530_workspace_domain",
    "20260811161259_execution_claim_attempts",
    "20260812181746_session_inbox",
    "20260812213948_worktree",
    "20260819222447_session_viewed_state",
    "20260823191254_nullable_workspace_binding",
    "20260910120000_clear_v1_session_permission",
    "20260923013825_project_time_active",
    "20261007190000_azure_cli_external_credential",
    "20261010180456_project_time_archived",
)
"""Of 2.0.32, after those of 1.x: an upgraded file has both, and so has a fresh one."""
