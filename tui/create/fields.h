#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tui/form_field.h"

namespace lodge {

struct Engine;
class State;
struct StorageView;

// Workshop is what a new guest is made with: the engine, and what State sees of the machine.
struct Workshop {
    Engine& engine;
    State& state;
};
// The storage that is chosen while a form, or a person who is asked line by line, fills in others.
using ChosenStorage = std::function<std::string()>;

// Lines of the wizard's forms that virtual machines and containers share. They tell what is free;
// what they hold of the workshop has to outlive them.

const std::vector<StorageView>& seen_storages(const Workshop& shop);
bool storage_holds(const StorageView& storage, std::string_view content);

// A name that no guest has yet: "web", "web-2", ….
std::string free_name(const Workshop& shop, std::string name);
// Nothing when no storage holds that content ("images", "rootdir").
void add_storage_field(const Workshop& shop, std::string_view content,
                       std::vector<FormField>& fields);
// Its size.
FormField disk_field(const Workshop& shop, ChosenStorage chosen, std::string value,
                     std::string help, std::string fallback);
// MiB and processors; `fallback` is what counts when nothing is said.
FormField memory_field(const Workshop& shop, std::string value, std::string fallback);
FormField cores_field(const Workshop& shop, std::string value, std::string fallback);
std::string usual_cores(const Workshop& shop);
// A bridge, "none" for a network of its own, "no" for no card.
FormField network_field(const Workshop& shop);
// A file with keys of the person who sits here; "" when there is none.
std::string own_keys(const Workshop& shop);

}  // namespace lodge
