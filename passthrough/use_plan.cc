#include "passthrough/use_plan.h"

#include <algorithm>

#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/findings.h"
#include "passthrough/give.h"

namespace lodge {
namespace {

std::vector<std::string> render_nodes(const Host& host, const PciFunction& function) {
    std::vector<std::string> nodes;
    for (const std::string& name : host.list(host.system(function.folder + "/drm")))
        if (name.starts_with("renderD")) nodes.push_back("/dev/dri/" + name);
    return nodes;
}

bool is_graphics(const PciFunction& function) {
    return function.base_class() == 3;
}

const PciFunction& named(const Inventory& inventory, const std::string& word) {
    std::vector<const PciFunction*> found = functions_at(inventory, word);
    if (word == "gpu" || word == "igpu")
        for (const PciFunction& function : inventory.pci)
            if (is_graphics(function) && !function.is_virtual()) found.push_back(&function);
    std::erase_if(found, [](const PciFunction* one) { return one->is_bridge; });
    if (found.empty())
        fail(Exit::not_found, "there is no {} in this machine; lodge device list shows its devices",
             word == "gpu" || word == "igpu" ? "graphics processor" : "device " + printable(word));
    if (found.size() > 1 && full_address(word) == std::nullopt) {
        std::vector<std::string> lines;
        for (const PciFunction* one : found)
            lines.push_back(short_address(one->address) + " (" + one->name() + ")");
        fail(Exit::usage, "this machine has several graphics processors: {}; name the one",
             join(lines, ", "));
    }
    return *found.front();
}

std::optional<Guest> guest_named(Engine& engine, const std::string& word) {
    try {
        return find_guest(engine, word);
    } catch (const Error& error) {
        if (error.exit() != Exit::not_found) throw;
        return std::nullopt;
    }
}

Way way_to_share(const Host& host, const PciFunction& function, const std::string& guest,
                 const std::optional<Guest>& there) {
    Way way{"share", "a container uses it beside this machine and other containers",
            fmt::format("lodge device use {} for {}{}", short_address(function.address), guest,
                        there ? "" : " --template SOURCE"),
            ""};
    if (there && there->kind->name() != "ct")
        way.why_not = guest_words(*there) + " is a virtual machine, which has a kernel of its own";
    else if (render_nodes(host, function).empty())
        way.why_not = is_graphics(function)
                          ? "it has no render node: its driver is missing, or it is handed over"
                          : "only graphics processors are shared";
    return way;
}

Way way_by_part(const PciFunction& function, const std::string& guest,
                const std::optional<Guest>& there) {
    const std::string address = short_address(function.address);
    Way way{"virtual function", "the guest gets a part of it, and this machine keeps it",
            fmt::format("lodge device vf {} 1 --pool part, and lodge device give part to {}",
                        address, guest),
            ""};
    if (there && there->kind->name() == "ct")
        way.why_not = guest_words(*there) + " is a container, which shares this machine's kernel";
    else if (function.vfs_possible == 0)
        way.why_not = "it does not offer SR-IOV";
    return way;
}

Way way_whole(Engine& engine, const Inventory& inventory, const PciFunction& function,
              const std::string& guest, const std::optional<Guest>& there) {
    const Judgement judgement = judge(engine, inventory, {&function}, there ? &*there : nullptr);
    Way way{
        "whole",
        fmt::format("the guest has it alone, and this machine has not: {}", judgement.line()),
        fmt::format("lodge device use {} for {} --whole", short_address(function.address), guest),
        ""};
    if (there && there->kind->name() == "ct")
        way.why_not = guest_words(*there) + " is a container, which shares this machine's kernel";
    else if (judgement.verdict == Verdict::impossible)
        way.why_not = judgement.line();
    return way;
}

std::string told(const std::vector<Way>& ways) {
    std::vector<std::string> lines;
    for (const Way& way : ways)
        lines.push_back(way.why_not.empty()
                            ? fmt::format("{} ({}): {}", way.name, way.words, way.command)
                            : fmt::format("{}: not here, {}", way.name, way.why_not));
    return join(lines, "; ");
}

// A new container: made, then given the device, then started.
Plan new_container(Engine& engine, const std::string& name, const std::string& source,
                   const std::string& node) {
    const auto ct = std::find_if(engine.kinds.begin(), engine.kinds.end(),
                                 [](const GuestKind* kind) { return kind->name() == "ct"; });
    if (ct == engine.kinds.end()) fail(Exit::missing, "this Lodge has no containers");
    const int id = engine.store.free_id();
    Plan plan = (*ct)->create(engine, id, {{"name", name}, {"template", source}});
    plan.step("share the graphics processor with it",
              {"gpu-share", {{"guest", id}, {"device", node}}});
    plan.step("start it", {"guest-start", {{"guest", id}}});
    plan.no_way_back_from(plan.steps.size() - 2);
    plan.title = fmt::format("make {} ({}), which uses the graphics processor", id, name);
    plan.afterwards = fmt::format("{} ({}) runs and has {}", id, name, node);
    return plan;
}

Plan share(Engine& engine, const Guest& guest, const std::string& node) {
    const std::string words = guest_words(guest);
    Plan plan;
    const auto keys = guest.config.indexed("dev");
    const bool has = std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
        const auto parts = guest.config.properties(key);
        return parts && parts->text("path") == node;
    });
    if (!has) plan.append(ct_gpu_plan(engine, guest, {{"device", node}}));
    plan.title = fmt::format("let {} use the graphics processor", words);
    plan.guests = {guest.id};
    const bool runs = guest.kind->look(engine, guest).state == GuestState::running;
    if (!runs) plan.step("start it", {"guest-start", {{"guest", guest.id}}});
    if (plan.steps.empty()) fail(Exit::refused, "{} runs and has {} already", words, node);
    plan.afterwards = fmt::format("{} {} {}", words, runs ? "has" : "runs and has", node);
    return plan;
}

void run_share(Work& work, const Values& on) {
    Engine& engine = work.engine();
    engine.storages.forget();
    const Guest guest = load_guest(engine, static_cast<int>(on.integer("guest")));
    const Plan plan = ct_gpu_plan(engine, guest, {{"device", on.text("device")}});
    for (const std::string& words : plan.warnings)
        work.say("warning: " + words);
    carry_out(
        plan, engine.actions, work, [](void*, size_t, std::string_view) {}, nullptr);
}

std::string share_shell(const Values& on) {
    return fmt::format("lodge guest gpu {} --device {}", on.text("guest"), on.text("device"));
}

constexpr ActionKind kinds[] = {{"gpu-share", run_share, share_shell}};

}  // namespace

std::vector<Way> ways_to_use(Engine& engine, const Inventory& inventory,
                             const PciFunction& function, const std::string& guest) {
    const auto there = guest_named(engine, guest);
    return {way_to_share(engine.host, function, guest, there), way_by_part(function, guest, there),
            way_whole(engine, inventory, function, guest, there)};
}

Plan plan_use(Engine& engine, const Values& words) {
    const Inventory inventory = take_inventory(engine, look_around(engine.host), true);
    const PciFunction& function = named(inventory, words.text("device"));
    const std::string& name = words.text("guest");
    const auto guest = guest_named(engine, name);
    if (words.flag("whole")) {
        Values given{{"device", function.address}, {"guest", name}};
        if (words.flag("anyway")) given.set({"anyway", true});
        return plan_give(engine, given);
    }
    const auto ways = ways_to_use(engine, inventory, function, name);
    if (!ways.front().why_not.empty())
        fail(Exit::refused, "{} cannot share {}. The ways there are: {}", name, function.name(),
             told(ways));
    const std::string node = render_nodes(engine.host, function).front();
    if (guest) return share(engine, *guest, node);
    const auto source = words.get("template");
    if (!source)
        fail(Exit::not_found,
             "there is no guest {}: --template SOURCE makes a container of that name, of an "
             "archive, debian:bookworm or docker://HOST/NAME:TAG; lodge image list shows what is "
             "here",
             printable(name));
    return new_container(engine, name, *source, node);
}

std::span<const ActionKind> use_actions() {
    return kinds;
}

}  // namespace lodge
