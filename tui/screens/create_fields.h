#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/form.h"

namespace lodge {

struct StorageView;

// Lines of the wizard's forms that virtual machines and containers share. They tell what is free.

const std::vector<StorageView>& seen_storages(App& app);
bool storage_holds(const StorageView& storage, std::string_view content);

// A name that no guest has yet: "web", "web-2", ….
std::string free_name(App& app, std::string name);
// Nothing when no storage holds that content ("images", "rootdir").
void add_storage_field(App& app, std::string_view content, std::vector<FormField>& fields);
// Its size; `form` says on which storage.
FormField disk_field(App& app, const Form& form, std::string value, std::string help,
                     std::string fallback);
// MiB and processors; `fallback` is what counts when nothing is said.
FormField memory_field(App& app, std::string value, std::string fallback);
FormField cores_field(App& app, std::string value, std::string fallback);
std::string usual_cores(App& app);
// A bridge, "none" for a network of its own, "no" for no card.
FormField network_field(App& app);
// A file with keys of the person who sits here; "" when there is none.
std::string own_keys(App& app);

}  // namespace lodge
