#include "tests/support/cases.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/process.h"
#include "engine/units.h"
#include "tests/support/scratch.h"

// A case is a folder: a guest's file, what a person says of it, and the plan that comes of it with
// the file afterwards. With a file "running" there is a process that passes for the guest's: plans
// ask no more. UPDATE=1 writes `expected` anew.

namespace lodge {
namespace {

Values words_of(const std::string& text) {
    Values words;
    for (const std::string& line : split(text, '\n')) {
        if (line.starts_with("delete ") || line.starts_with("revert "))
            words.add(line.substr(0, 6), line.substr(7));
        else if (line.starts_with("digest "))
            words.set({"digest", line.substr(7)});
        else if (line == "next-start")
            words.set({"next-start", true});
        else if (!line.empty())
            words.add("values", line);
    }
    return words;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

// The configuration as it is when the plan's steps on it have been carried out.
std::string config_after(ScratchEngine& scratch, const Plan& plan) {
    Plan edits;
    for (const Step& step : plan.steps)
        if (step.action.verb == "config-set") edits.steps.push_back(step);
    scratch.engine.jobs.run_here(scratch.engine, edits);
    const std::string path = scratch.engine.store.path("qemu-server", 101);
    return scratch.host.read(path).value_or("");
}

// The file as Lodge would write it.
std::string in_order(const std::string& text) {
    Config config = Config::parse(text, vm_schema(), "");
    config.current.set("tdf", "1");
    config.current.erase("tdf");
    return config.text();
}

std::string outcome(const std::filesystem::path& folder) {
    ScratchEngine scratch;
    Engine& engine = scratch.engine;
    const std::string before = cases::read(folder / "guest.conf");
    engine.host.write(engine.store.path("qemu-server", 101), before);
    const std::string images = scratch.folder.path() + "/var/lib/lodge/images/101";
    engine.host.make_folder(images);
    Program make;
    make.argv = {
        "/usr/bin/qemu-img", "create", "-q", "-f", "qcow2", images + "/vm-101-disk-0.qcow2", "8G"};
    run_checked(make, std::chrono::seconds(60), "make a disk");
    if (std::filesystem::exists(folder / "running"))
        engine.host.write(guest_run_folder(engine.host, 101) + "/pid",
                          identify(engine.host, ::getpid())->print());
    try {
        const Guest guest = load_guest(engine, 101);
        const Plan plan = guest.kind->set(engine, guest, words_of(cases::read(folder / "words")));
        std::string text = plan_as_shell(plan, engine.actions);
        text += "\n# " + plan.afterwards + "\n\n--- the file afterwards\n" +
                config_after(scratch, plan);
        for (size_t i = plan.steps.size(); i-- > 0;)
            if (plan.steps[i].action.verb == "config-set") {
                Plan back;
                back.step("back", *plan.steps[i].undo);
                engine.jobs.run_here(engine, back);
            }
        EXPECT_EQ(in_order(engine.host.read(engine.store.path("qemu-server", 101)).value()),
                  in_order(before))
            << "the undo does not put the file back: " << folder;
        return replaced(text, scratch.folder.path(), "ROOT");
    } catch (const Error& error) {
        return replaced(fmt::format("error {}: {}\n", static_cast<int>(error.exit()), error.what()),
                        scratch.folder.path(), "ROOT");
    }
}

class Change : public testing::TestWithParam<std::string> {};

TEST_P(Change, makes_the_expected_plan) {
    const std::filesystem::path folder = cases::folder("change", GetParam());
    cases::expect_file(folder / "expected", outcome(folder));
}

INSTANTIATE_TEST_SUITE_P(Cases, Change, testing::ValuesIn(cases::names("change")),
                         cases::test_name);

}  // namespace
}  // namespace lodge
