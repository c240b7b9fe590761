#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "engine/container/container.h"
#include "engine/container/rootfs.h"
#include "engine/container/volume.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/change.h"
#include "engine/vm/cloudinit.h"
#include "engine/vm/creation.h"
#include "engine/vm/identity.h"

namespace lodge {
namespace {

// Builder makes the configuration and the root file system of one new container from a person's
// words.
class Builder {
  public:
    Builder(Engine& engine, int id, const Values& words)
        : engine_(engine),
          id_(id),
          words_(words),
          token_(random_uuid()),
          config_(Config::parse("", container_schema(), engine.store.path("lxc", id))) {
        for (const std::string& pair : words.list("values")) {
            const auto equals = pair.find('=');
            if (equals == std::string::npos || equals == 0)
                fail(Exit::usage, "'{}' is not KEY=VALUE", printable(pair));
            wanted_.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
        }
        for (const std::string_view key : {"memory", "cores", "swap", "ostype", "description"})
            if (const auto value = words.get(key)) wanted_.emplace_back(key, *value);
        if (const auto name = words.get("name")) wanted_.emplace_back("hostname", *name);
        source_ = words.text("template", words.text("import", ""));
        if (source_.empty() && !wanted("rootfs"))
            fail(Exit::usage,
                 "a container needs a root file system: --template takes an archive, a folder or "
                 "an image");
    }

    Plan build() {
        map_ = choose_map();
        basics();
        card();
        root();
        mounts();
        return finish();
    }

  private:
    std::optional<std::string> wanted(std::string_view key) const {
        std::optional<std::string> value;
        for (const auto& [name, text] : wanted_)
            if (name == key) value = text;
        return value;
    }
    void set(const std::string& key, const std::string& value) {
        require_allowed(container_schema(), key, value);
        config_.current.set(key, value);
    }
    void prefer(const std::string& key, const std::string& value) {
        if (!wanted(key)) set(key, value);
    }

    // Unprivileged unless said otherwise, and by an ordinary user in any case.
    IdMap choose_map() {
        const auto said = parse_boolean(wanted("unprivileged").value_or("1"));
        const bool privileged = words_.flag("privileged") || said == false;
        const Host& host = engine_.host;
        if (privileged && !host.is_root())
            fail(Exit::refused, "only root makes privileged containers");
        if (privileged) {
            set("unprivileged", "0");
            before_.warn(
                "a privileged container's root is root of this machine: whoever breaks out of it "
                "has all of it");
            return {};
        }
        set("unprivileged", "1");
        for (const auto& [key, value] : wanted_)
            if (key == "lxc.idmap") config_.current.add(key, value);
        if (!host.is_root()) return id_map_of(host, config_);
        try {
            return id_map_of(host, config_);
        } catch (const Error& error) {
            if (error.exit() != Exit::missing) throw;
        }
        return give_root_a_range();
    }

    // Debian gives ordinary users ranges when they are made, and root none.
    IdMap give_root_a_range() {
        const Host& host = engine_.host;
        const std::string subuid = host.read(host.system("/etc/subuid")).value_or("");
        const std::string subgid = host.read(host.system("/etc/subgid")).value_or("");
        const uint32_t uid = free_sub_ids(subuid, container_ids);
        const uint32_t gid = free_sub_ids(subgid, container_ids);
        before_.step(
            "give containers of root numbers of users and groups that nobody has",
            {"run",
             {{"argv",
               std::vector<std::string>{
                   "usermod", "--add-subuids", fmt::format("{}-{}", uid, uid + container_ids - 1),
                   "--add-subgids", fmt::format("{}-{}", gid, gid + container_ids - 1), "root"}},
              {"limit", 30}}});
        return sub_id_map(fmt::format("root:{}:{}", uid, container_ids),
                          fmt::format("root:{}:{}", gid, container_ids), "root", 0);
    }

    void basics() {
        for (const auto& [key, value] : wanted_) {
            if (key == "lock" || key == "digest" || key == "parent" || key == "template")
                fail(Exit::usage, "{} is not a person's to set", key);
            if (value.empty() || key == "rootfs" || key == "unprivileged" || key == "lxc.idmap" ||
                key == "description" || (key.starts_with("net") && key != "nameserver"))
                continue;
            if (key.starts_with("lxc."))
                config_.current.add(key, value);
            else if (is_mount_key(key))
                mounts_.emplace_back(key, value);
            else
                set(key, value);
        }
        prefer("arch", "amd64");
        prefer("memory", "512");
        prefer("swap", "512");
        if (source_.empty() || source_ == "demo") return;
        const RootfsFacts facts = facts_of_source(engine_, source_);
        prefer("ostype", facts.ostype);
        if (!facts.arch.empty()) prefer("arch", facts.arch);
        if (!facts.entrypoint.empty()) application(facts);
    }

    // What an application's image says of how it runs.
    void application(const RootfsFacts& facts) {
        std::vector<std::string> quoted;
        for (const std::string& word : facts.entrypoint)
            quoted.push_back(shell_quote(word));
        prefer("entrypoint", join(quoted, " "));
        for (const std::string& one : facts.environment)
            config_.current.add("lxc.environment.runtime", one);
        if (!facts.workdir.empty()) config_.current.add("lxc.init.cwd", facts.workdir);
        if (!facts.stop_signal.empty()) config_.current.add("lxc.signal.halt", facts.stop_signal);
        const auto ids = split(facts.user, ':');
        if (const auto uid = parse_integer(ids.front())) {
            config_.current.add("lxc.init.uid", std::to_string(*uid));
            const auto gid = ids.size() > 1 ? parse_integer(ids[1]) : uid;
            config_.current.add("lxc.init.gid", std::to_string(gid.value_or(0)));
        } else if (facts.user != "root") {
            user_ = facts.user;
        }
    }

    void card() {
        int number = 0;
        const auto add = [&](const std::string& value) {
            const std::string key = fmt::format("net{}", number++);
            Properties parts = Properties::parse(*container_schema().find("net0"), value);
            if (!parts.has("hwaddr")) {
                std::string mac = random_mac();
                std::transform(mac.begin(), mac.end(), mac.begin(),
                               [](char c) { return c >= 'a' && c <= 'f' ? c - 32 : c; });
                parts.set("hwaddr", mac);
            }
            if (!parts.has("type")) parts.set("type", "veth");
            set(key, parts.print());
        };
        bool said = false;
        for (const auto& [key, value] : wanted_)
            if (key.starts_with("net") && key != "nameserver" && !value.empty()) {
                said = true;
                add(value);
            }
        for (const std::string& card : words_.list("net")) {
            said = true;
            if (card != "none") add(card);
        }
        if (said) return;
        const bool has_vmbr0 =
            engine_.host.is_root() &&
            engine_.host.exists(engine_.host.system("/sys/class/net/vmbr0/bridge"));
        const std::string bridge = words_.text("bridge", has_vmbr0 ? "vmbr0" : "");
        if (bridge == "none") return;
        add(bridge.empty() ? "name=eth0,ip=dhcp" : "name=eth0,ip=dhcp,bridge=" + bridge);
    }

    // A new volume, filled; or a folder that a person has.
    void root() {
        if (const auto given = wanted("rootfs"); given && given->starts_with('/')) {
            set("rootfs", *given);
            return;
        }
        // A size that is said holds; without one it is the storage's room that does.
        const std::string disk = words_.list("disk").empty() ? "" : words_.list("disk").front();
        const auto named = VolumeId::parse(disk);
        const std::string storage_name = named ? named->storage : words_.text("storage", "");
        const Storage& storage = storage_name.empty() ? engine_.storages.default_for("rootdir")
                                                      : engine_.storages.get(storage_name);
        const int64_t bytes = disk.empty() ? 0 : disk_size(named ? named->name : disk);
        const CtFormat format = ct_format_for(engine_, storage, bytes, words_.text("format", ""));
        const CtVolume volume = next_ct_volume(engine_, storage, id_, volumes_, format);
        plan_make_ct_volume(engine_, volume, bytes, map_, volumes_);
        if (source_ == "demo")
            plan_demo_root(volume.path);
        else
            plan_rootfs(engine_, {source_path(), volume.path, map_, bytes}, volumes_);
        if (!user_.empty())
            volumes_.step(
                fmt::format("it runs as {}, as the image says", printable(user_)),
                {"ct-image-user", {{"guest", id_}, {"path", volume.path}, {"user", user_}}});
        set("rootfs",
            bytes == 0 ? volume.id : fmt::format("{},size={}", volume.id, print_size(bytes)));
        setup(volume.path);
    }

    // After the root, which has the first number.
    void mounts() {
        for (const auto& [key, value] : mounts_)
            set(key, plan_new_mount(engine_, id_, map_, key, value, volumes_));
    }

    std::string source_path() const {
        // A path as the person's shell means it; the job's folder is another one.
        std::error_code trouble;
        if (!VolumeId::parse(source_) && std::filesystem::exists(source_, trouble))
            return std::filesystem::absolute(source_, trouble).lexically_normal().string();
        return source_;
    }

    void plan_demo_root(const std::string& path) {
        Values on{{"path", path}, {"busybox", engine_.host.need_program("busybox")}};
        if (const auto lines = print_id_map(map_); !lines.empty()) on.set({"map", lines});
        volumes_.step("fill it with this machine's busybox", {"ct-demo-root", std::move(on)},
                      empty_rootfs(path, file_map(engine_.host, map_)));
    }

    // What a person needs to come in.
    void setup(const std::string& path) {
        Values on{{"path", path}};
        if (const auto password = words_.get("password"))
            on.set({"password", cloudinit_password_hash(*password, token_)});
        std::vector<std::string> keys;
        for (const std::string& one : words_.list("ssh-key")) {
            const bool key =
                one.starts_with("ssh-") || one.starts_with("ecdsa-") || one.starts_with("sk-");
            const auto content = key ? std::optional(one) : engine_.host.read(one);
            if (!content)
                fail(Exit::not_found, "'{}' is neither an SSH key nor a file with keys",
                     printable(one));
            keys.emplace_back(trim(*content));
        }
        if (!keys.empty()) on.set({"keys", keys});
        if (!on.has("password") && keys.empty()) return;
        if (const auto lines = print_id_map(map_); !lines.empty()) on.set({"map", lines});
        volumes_.step("let root in by password or key", {"ct-let-in", std::move(on)});
    }

    Plan finish() {
        Plan plan = std::move(before_);
        const std::string name = config_.string_of("hostname");
        plan.title = fmt::format("create {}{}", id_, name.empty() ? "" : " (" + name + ")");
        plan.guests = {id_};
        config_.current.set("lock", "create");
        // By the token the undo knows the configuration that it may remove.
        const std::string words = wanted("description").value_or("");
        config_.current.set_description(words.empty() ? token_ : words + "\n" + token_);
        const Values who{{"folder", "lxc"}, {"guest", id_}, {"token", token_}};
        Values made = who;
        made.set({"text", config_.text()});
        plan.step("write the configuration, locked until all is made", {"config-create", made},
                  Action{"config-remove", who});
        plan.append(std::move(volumes_));
        // From here on it is a guest, which stays whatever becomes of its start.
        const size_t made_of = plan.steps.size();
        plan.step("all is made: unlock it", {"config-finish", who});
        if (words_.flag("start")) plan.step("start it", {"guest-start", {{"guest", id_}}});
        plan.no_way_back_from(made_of);
        plan.afterwards = fmt::format(
            "{} is made{}", name.empty() ? std::to_string(id_) : fmt::format("{} ({})", id_, name),
            words_.flag("start") ? " and started" : "");
        return plan;
    }

    Engine& engine_;
    const int id_;
    const Values& words_;
    const std::string token_;
    Config config_;
    std::vector<std::pair<std::string, std::string>> wanted_, mounts_;
    std::string source_;
    std::string user_;  // that an image runs as, by a name that its own files know
    IdMap map_;
    Plan before_, volumes_;
};

}  // namespace

Plan CtKind::create(Engine& engine, int id, const Values& words) const {
    return Builder(engine, id > 0 ? id : engine.store.free_id(), words).build();
}

Plan ct_demo_plan(Engine& engine, const Values& words) {
    const CtKind* ct = nullptr;
    for (const GuestKind* kind : engine.kinds)
        if (kind->name() == "ct") ct = static_cast<const CtKind*>(kind);
    if (!ct) throw Error("this Lodge has no containers");
    const auto id =
        static_cast<int>(words.has("id") ? words.integer("id") : engine.store.free_id());
    Values wanted{{"template", "demo"},
                  {"net", "none"},
                  {"name", words.text("name", "demo")},
                  {"description", "Made by: lodge demo\nTake it away: lodge demo --remove"}};
    for (const char* pair : {"memory=64", "swap=0", "cores=1", "tags=demo", "ostype=unmanaged"})
        wanted.add("values", pair);
    if (const auto storage = words.get("storage")) wanted.set({"storage", *storage});
    if (!words.flag("no-start")) wanted.set({"start", true});
    return ct->create(engine, id, wanted);
}

}  // namespace lodge
