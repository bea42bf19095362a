// spendsync-backup config validate | show | schema
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "config/schema.h"
#include "jobs/open_config.h"

namespace spendsync::cli {
namespace {

Result<int> run_config_validate(const Process& process) {
  const auto path = TRY(jobs::configuration_path(process.global.config));
  const auto inspection = TRY(config::inspect_file(path));
  Json findings = Json::array();
  for (const auto& diagnostic : inspection.diagnostics) {
    process.output.line(diagnostic.to_string());
    findings.push(Json()
                      .set("severity", config::to_string(diagnostic.severity))
                      .set("line", diagnostic.position.line)
                      .set("column", diagnostic.position.column)
                      .set("message", diagnostic.message)
                      .set("suggestion", diagnostic.suggestion));
  }
  const int code = inspection.loaded ? kDone : kUsage;
  if (inspection.loaded) process.output.line(path + ": valid");
  process.output.summary("config validate", Json().set("file", path).set("findings", findings), code);
  return code;
}

Result<int> run_config_show(const Process& process) {
  const auto loaded = TRY(jobs::load_configuration(process.global.config, process.log));
  process.output.line(config::show_yaml(loaded));
  process.output.summary("config show", config::show_json(loaded), kDone);
  return kDone;
}

Result<int> run_config_schema(const Process& process) {
  process.output.line(config::config_schema_json());
  auto schema = TRY(Json::parse(config::config_schema_json()));
  process.output.summary("config schema", Json().set("schema", std::move(schema)), kDone);
  return kDone;
}

}  // namespace

CommandEntry config_validate_command() {
  return {.name = "validate",
          .description = "check it; every finding with file:line:column",
          .examples = {{"config validate", "before a change takes effect"}},
          .run = run_config_validate};
}

CommandEntry config_show_command() {
  return {.name = "show",
          .description = "the settings in force and where each comes from",
          .examples = {{"config show", "defaults included"}},
          .run = run_config_show};
}

CommandEntry config_schema_command() {
  return {.name = "schema",
          .description = "JSON Schema for editors",
          .examples = {{"config schema > backup-config.schema.json", "for completion while you type"}},
          .run = run_config_schema};
}

}  // namespace spendsync::cli
