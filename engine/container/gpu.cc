#include <algorithm>

#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/container/root_folder.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"

// The graphics processor of this machine in a container: it is shared, nothing is passed through.

namespace lodge {
namespace {

// The number of a group in group(5).
std::optional<int64_t> group_number(const std::string& text, std::string_view name) {
    for (const std::string& line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() > 2 && fields[0] == name) return parse_integer(fields[2]);
    }
    return std::nullopt;
}

// Whom the device belongs to inside: the group of those who may draw and encode.
int64_t group_inside(Engine& engine, const Guest& guest) {
    const RootFolder root(open_ct_root(engine, guest), guest_words(guest));
    const std::string groups = root.read("/etc/group").value_or("");
    for (const char* name : {"render", "video"})
        if (const auto number = group_number(groups, name)) return *number;
    return 0;
}

}  // namespace

Plan ct_gpu_plan(Engine& engine, const Guest& guest, const Values& words) {
    if (guest.kind->name() != "ct")
        fail(Exit::refused, "cannot share the graphics processor with {}: it is no container",
             guest_words(guest));
    const std::string folder = engine.host.system("/dev/dri");
    std::vector<std::string> nodes;
    for (const std::string& name : engine.host.list(folder))
        if (name.starts_with("renderD")) nodes.push_back("/dev/dri/" + name);
    if (const auto one = words.get("device")) nodes = {*one};
    if (nodes.empty())
        fail(Exit::missing,
             "this machine has no graphics processor that could be shared: there is no "
             "/dev/dri/renderD…; its driver may be missing, or it is given to a virtual machine");
    std::vector<std::string> has, values;
    for (const std::string& key : guest.config.indexed("dev"))
        if (const auto parts = guest.config.properties(key)) has.push_back(parts->text("path"));
    int number = 0;
    const int64_t gid = group_inside(engine, guest);
    for (const std::string& node : nodes) {
        if (std::find(has.begin(), has.end(), node) != has.end()) continue;
        while (guest.config.current.has(fmt::format("dev{}", number)) ||
               guest.config.pending.has(fmt::format("dev{}", number)))
            ++number;
        values.push_back(fmt::format("dev{}={},gid={},mode=0660", number++, node, gid));
    }
    if (values.empty())
        fail(Exit::refused, "{} has the graphics processor already", guest_words(guest));
    Plan plan = guest.kind->set(engine, guest, {{"values", values}});
    plan.title = "share the graphics processor with " + guest_words(guest);
    return plan;
}

}  // namespace lodge
