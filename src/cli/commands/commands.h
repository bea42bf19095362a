// One function a command, each in a file of its own; command_table() puts them together.
#pragma once

#include <memory>

#include "cli/line/command.h"
#include "cli/line/global_options.h"

namespace spendsync::cli {

CommandEntry backup_command();
CommandEntry list_command();
CommandEntry restore_command();
CommandEntry export_command();
CommandEntry verify_command();
CommandEntry expire_command();
CommandEntry pin_command();
CommandEntry unpin_command();
CommandEntry init_command();
CommandEntry check_command();
CommandEntry status_command();
CommandEntry wal_push_command();
CommandEntry wal_get_command();
CommandEntry cluster_adopt_command();
CommandEntry keys_list_command();
CommandEntry keys_rewrap_command();
CommandEntry keys_kit_command();
CommandEntry keys_import_kit_command();
CommandEntry slot_drop_command();
CommandEntry timeline_fork_command();
CommandEntry config_validate_command();
CommandEntry config_show_command();
CommandEntry config_schema_command();
CommandEntry dr_test_command();
CommandEntry demo_command();
CommandEntry explain_command();
CommandEntry completion_command();
CommandEntry man_command();
CommandEntry help_command();

/// The program: every command, and the options that all of them take, which go into `global`.
CommandEntry command_table(std::shared_ptr<GlobalOptions> global = std::make_shared<GlobalOptions>());

}  // namespace spendsync::cli
