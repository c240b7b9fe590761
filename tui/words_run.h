#pragma once

#include <string>

#include "tui/output.h"
#include "tui/words.h"

namespace lodge {

struct Engine;

// Whether a word that may be a guest is a volume instead ("local:101/x.qcow2", "/path"): some
// commands take either.
bool names_volume(std::string_view word);

// Asks and throws Error(Exit::cancelled) for anything but yes; Error(Exit::usage) when nobody can
// answer. Enter alone is no.
void ask_yes(const Output& output, const std::string& question);
// The same, but the name has to be typed.
void ask_name(const Output& output, const std::string& question, const std::string& name);

// A command that changes something: its plans are shown (--dry-run), or asked for and carried out
// as jobs, which are followed. Returns the exit status: of several guests the worst.
int run_plans(Engine& engine, const ParsedWords& parsed, const Output& output);

}  // namespace lodge
