#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tui/output.h"
#include "tui/words.h"

namespace lodge {

struct Engine;
class Actions;
class DeviceKind;

// Whether a word that may be a guest is a volume instead ("local:101/x.qcow2", "/path"): some
// commands take either.
bool names_volume(std::string_view word);

// A line that the person types, trimmed; nullopt at the end of the input. What comes from a pipe is
// shown, so that the whole reads as it would on a terminal; not a secret.
std::optional<std::string> read_answer(const Output& output, const std::string& prompt,
                                       bool secret = false);

// Asks and throws Error(Exit::cancelled) for anything but yes; Error(Exit::usage) when nobody can
// answer. Enter alone is no; p shows the plan, when there is one.
using PlanText = std::function<std::string()>;
void ask_yes(const Output& output, const std::string& question, const PlanText& plan = {});
// The same, but the name has to be typed.
void ask_name(const Output& output, const std::string& question, const std::string& name,
              const PlanText& plan = {});

// Does the command that the words name; returns the exit status. Throws Error.
int run_command(Engine& engine, const ParsedWords& parsed, const Output& output);

// A command that changes something: its plans are shown (--dry-run), or asked for and carried out
// as jobs, which are followed. Returns the exit status: of several guests the worst.
int run_plans(Engine& engine, const ParsedWords& parsed, const Output& output);

// What `lodge <words>` does, errors told on stderr; returns the exit status. `actions` are the
// verbs of all modules, `devices` what guests can be given.
int run_words(CommandTables tables, const Actions& actions,
              std::span<const DeviceKind* const> devices, const std::vector<std::string>& words);

}  // namespace lodge
