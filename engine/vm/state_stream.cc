#include "engine/vm/state_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/life.h"
#include "engine/vm/qmp.h"
#include "engine/vm/vm.h"

// A guest's memory goes to a file and comes back by QEMU's migration over a descriptor that Lodge
// has opened ("migrate fd:…"): QEMU itself may neither start programs nor open files of ours.

namespace lodge {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds answer_limit = std::chrono::seconds(60);
constexpr auto fd_name = "lodge-state";

int guest_of(const Values& on) {
    return static_cast<int>(on.integer("guest"));
}

std::string why_words(const std::string& words) {
    if (words.find("No space left") != std::string::npos)
        return "no space is left where it goes; nothing of it is kept";
    return words.empty() ? "it gives no reason" : printable(words);
}

Fd open_state(const std::string& path, int flags) {
    // A logical volume's name is a link to its device.
    if (!path.starts_with("/dev/")) flags |= O_NOFOLLOW;
    Fd file(::open(path.c_str(), flags | O_CLOEXEC));
    if (!file) fail_errno(errno, "cannot open " + path);
    return file;
}

// The -cpu that QEMU was started with.
std::string running_cpu(const Host& host, int id) {
    const auto process = vm_process(host, id);
    if (!process) return "";
    const auto line = host.read(host.system(fmt::format("/proc/{}/cmdline", process->pid)));
    if (!line) return "";
    const auto words = split(*line, '\0');
    const auto option = std::find(words.begin(), words.end(), "-cpu");
    return option == words.end() || option + 1 == words.end() ? "" : *(option + 1);
}

std::string running_machine(Qmp& qmp) {
    const json type =
        qmp.call("qom-get", {{"path", "/machine"}, {"property", "type"}}, answer_limit);
    std::string name = type.is_string() ? type.get<std::string>() : "";
    if (name.ends_with("-machine")) name.erase(name.size() - 8);
    return name;
}

}  // namespace

std::string text_at(const json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_at(const json& object, const char* key) {
    if (!object.is_object()) return 0;
    const auto found = object.find(key);
    return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::string qmp_status(Qmp& qmp) {
    return text_at(qmp.call("query-status", {}, answer_limit), "status");
}

StateStream::StateStream(Qmp& qmp, const std::string& path)
    : qmp_(qmp), file_(open_state(path, O_RDWR)) {
    runs_on_ = qmp_status(qmp_) == "running";
    set_hold(false);
    // Not a link to share: as fast as the disk takes it. QEMU's default is 128 MiB a second.
    qmp_.call("migrate-set-parameters",
              {{"max-bandwidth", int64_t{1} << 40}, {"downtime-limit", 200}}, answer_limit);
}

StateStream::~StateStream() {
    if (done_) return;
    try {
        call_off(qmp_, runs_on_);
    } catch (const Error&) {  // the step's undo does it again, and says so
    }
}

void StateStream::set_hold(bool hold) {
    json list = json::array();
    list.push_back({{"capability", "pause-before-switchover"}, {"state", hold}});
    qmp_.call("migrate-set-capabilities", {{"capabilities", std::move(list)}}, answer_limit);
}

void StateStream::begin() {
    qmp_.call_with_fd(file_.get(), "getfd", {{"fdname", fd_name}}, answer_limit);
    qmp_.call("migrate", {{"uri", std::string("fd:") + fd_name}}, answer_limit);
}

void StateStream::run_until(Work& work, std::string_view wanted) {
    auto pause = milliseconds(5);
    for (;;) {
        const json said = qmp_.call("query-migrate", {}, answer_limit);
        const std::string status = text_at(said, "status");
        const json ram = said.value("ram", json::object());
        const int64_t total = number_at(ram, "total");
        const int64_t sent = number_at(ram, "transferred");
        if (total > 0)
            work.progress(std::max<int64_t>(0, total - number_at(ram, "remaining")), total,
                          "bytes");
        if (status == "failed" || status == "cancelled" || status == "cancelling")
            fail(Exit::failed, "QEMU could not write the guest's memory: {}",
                 why_words(text_at(said, "error-desc")));
        // Before the end is taken: what was called off goes on as if it had not been begun.
        work.check();
        if (status == wanted || status == "completed") return;
        // A guest that changes its memory faster than it is written is held still.
        if (!held_ && total > 0 && sent > total + total / 4) {
            work.say("the guest changes its memory faster than it can be written: it is held");
            qmp_.call("stop", {}, answer_limit);
            held_ = true;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, milliseconds(250));
    }
}

void StateStream::go_on_from_hold() {
    qmp_.call("migrate-continue", {{"state", "pre-switchover"}}, answer_limit);
}

void StateStream::finish(Work& work) {
    run_until(work, "completed");
    // QEMU wrote through the same open file, so its end is where ours is.
    struct stat facts {};
    const off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
    if (::fstat(file_.get(), &facts) == 0 && S_ISREG(facts.st_mode) && end > 0 &&
        ::ftruncate(file_.get(), end) != 0)
        fail_errno(errno, "cannot cut the file of the guest's memory");
    if (::fsync(file_.get()) != 0) fail_errno(errno, "cannot write the guest's memory to disk");
}

void StateStream::release() {
    if (runs_on_) qmp_.call("cont", {}, answer_limit);
    done_ = true;
}
void StateStream::call_off(Qmp& qmp, bool runs_on) {
    for (int look = 0; look < 200; ++look) {
        const std::string status = text_at(qmp.call("query-migrate", {}, answer_limit), "status");
        if (status.empty() || status == "none" || status == "completed" || status == "failed" ||
            status == "cancelled")
            break;
        if (look == 0) qmp.call("migrate_cancel", {}, answer_limit);
        std::this_thread::sleep_for(milliseconds(50));
    }
    if (runs_on && qmp_status(qmp) != "running") qmp.call("cont", {}, answer_limit);
}

void write_running(Qmp& qmp, const Host& host, int id, Section& section) {
    const std::string machine = running_machine(qmp);
    const std::string cpu = running_cpu(host, id);
    if (!machine.empty()) section.set("runningmachine", machine);
    if (!cpu.empty()) section.set("runningcpu", cpu);
}

std::string qmp_as_shell(const std::string& guest, const std::string& command,
                         const json& arguments) {
    nlohmann::ordered_json request = {{"execute", command}};
    if (!arguments.is_null()) request["arguments"] = arguments;
    return fmt::format(
        "printf '%s\\n' '{{\"execute\":\"qmp_capabilities\"}}' {} | "
        "socat -t5 - UNIX-CONNECT:\"${{LODGE_RUN:-/run/lodge}}/guest/{}/qmp\"",
        shell_quote(request.dump(-1, ' ', false, json::error_handler_t::replace)), guest);
}

// The verbs.

void run_vm_save_state(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    Qmp qmp = vm_monitor(host, guest_of(on));
    StateStream stream(qmp, on.text("path"));
    // It is going to stand still anyway: each page is written once.
    if (stream.runs_on()) qmp.call("stop", {}, answer_limit);
    stream.begin();
    stream.finish(work);
    stream.keep_still();
    work.engine().store.change("qemu-server", guest_of(on), vm_schema(), [&](Config& config) {
        write_running(qmp, host, guest_of(on), config.current);
    });
}

std::string shell_vm_save_state(const Values& on) {
    return fmt::format("# by QMP: stop; getfd of {}; migrate to it", shell_quote(on.text("path")));
}

void run_vm_save_undo(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    if (!vm_process(host, guest_of(on))) return;
    Qmp qmp = vm_monitor(host, guest_of(on));
    StateStream::call_off(qmp, true);
}

std::string shell_vm_save_undo(const Values& on) {
    return qmp_as_shell(on.text("guest"), "cont", nullptr);
}

void run_vm_load_state(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const int id = guest_of(on);
    const Fd file = open_state(on.text("path"), O_RDONLY);
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) fail_errno(errno, "cannot read " + on.text("path"));
    const auto gone = [&](const std::string& words) {
        fail(Exit::failed, "guest {} does not take its saved memory: {}", id, words);
    };
    try {
        Qmp qmp = vm_monitor(host, id);
        qmp.call_with_fd(file.get(), "getfd", {{"fdname", fd_name}}, answer_limit);
        qmp.call("migrate-incoming", {{"uri", std::string("fd:") + fd_name}}, answer_limit);
        auto pause = milliseconds(5);
        for (;;) {
            const json said = qmp.call("query-migrate", {}, answer_limit);
            const std::string status = text_at(said, "status");
            const off_t at = ::lseek(file.get(), 0, SEEK_CUR);
            work.progress(at, std::max<off_t>(at, facts.st_size), "bytes");
            if (status == "completed") return;
            if (status == "failed") gone(printable(text_at(said, "error-desc")));
            work.check();
            std::this_thread::sleep_for(pause);
            pause = std::min(pause * 2, milliseconds(250));
        }
    } catch (const Error& error) {
        if (error.exit() == Exit::cancelled || vm_process(host, id)) throw;
        // QEMU ends itself when the state does not suit it; its reason is in its log.
        const std::string words = vm_last_words(host, id);
        gone(words.empty() ? error.what() : words);
    }
}

std::string shell_vm_load_state(const Values& on) {
    return fmt::format("# by QMP: getfd of {}; migrate-incoming from it",
                       shell_quote(on.text("path")));
}

}  // namespace lodge
