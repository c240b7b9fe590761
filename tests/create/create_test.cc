#include <gtest/gtest.h>
#include <sys/stat.h>

#include <regex>

#include "engine/storage/image.h"
#include "engine/units.h"
#include "engine/vm/disks.h"
#include "engine/vm/identity.h"
#include "tests/storage/support.h"

namespace lodge {
namespace {

using List = std::vector<std::string>;

class CreateTest : public testing::Test {
  protected:
    const GuestKind& vm() { return *guest_kinds().front(); }
    void run(const Plan& plan) { scratch_.engine.jobs.run_here(scratch_.engine, plan); }
    Guest make(int id, const Values& words) {
        run(vm().create(scratch_.engine, id, words));
        return load_guest(scratch_.engine, id);
    }
    std::string config_path(int id) { return scratch_.engine.store.path("qemu-server", id); }
    // A configuration with what differs from run to run taken out.
    std::string text(int id) {
        std::string text = scratch_.host.read(config_path(id)).value_or("none");
        text = std::regex_replace(text, std::regex("02(:[0-9A-F]{2}){5}"), "MAC");
        text = std::regex_replace(
            text, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
            "UUID");
        text = std::regex_replace(text, std::regex("creation-qemu=[0-9.]+,"), "");
        return std::regex_replace(text, std::regex("ctime=[0-9]+"), "ctime=NOW");
    }
    VolumeInfo info(const std::string& id) { return scratch_.engine.storages.info(id); }
    List images(int id) {
        return scratch_.host.list(fmt::format("{}/images/{}", scratch_.host.state_folder(), id));
    }

    ScratchEngine scratch_;
};

TEST_F(CreateTest, LinuxByDefault) {
    make(100, {{"name", "web"}, {"bridge", "vmbr9"}});
    EXPECT_EQ(text(100),
              "agent: 1\n"
              "boot: order=scsi0;net0\n"
              "cores: 2\n"
              "cpu: host\n"
              "machine: q35\n"
              "memory: 2048\n"
              "meta: ctime=NOW\n"
              "name: web\n"
              "net0: virtio=MAC,bridge=vmbr9\n"
              "ostype: l26\n"
              "rng0: source=/dev/urandom\n"
              "scsi0: local:100/vm-100-disk-0.qcow2,discard=on,iothread=1,size=32G,ssd=1\n"
              "scsihw: virtio-scsi-single\n"
              "serial0: socket\n"
              "smbios1: uuid=UUID\n"
              "vmgenid: UUID\n");
    EXPECT_EQ(info("local:100/vm-100-disk-0.qcow2").size, int64_t{32} << 30);
    EXPECT_TRUE(load_guest(scratch_.engine, 100).config.problems().empty());
}

TEST_F(CreateTest, Windows11GetsFirmwareAndTpm) {
    if (!scratch_.host.exists("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")) GTEST_SKIP() << "no ovmf";
    make(100, {{"ostype", "win11"}, {"disk", "64G"}, {"bridge", "none"}});
    EXPECT_EQ(text(100),
              "agent: 1\n"
              "bios: ovmf\n"
              "boot: order=sata0;net0\n"
              "cores: 2\n"
              "cpu: host\n"
              "efidisk0: local:100/vm-100-disk-1.qcow2,efitype=4m,pre-enrolled-keys=1,size=528K\n"
              "machine: q35\n"
              "memory: 2048\n"
              "meta: ctime=NOW\n"
              "net0: e1000e=MAC\n"
              "ostype: win11\n"
              "sata0: local:100/vm-100-disk-0.qcow2,discard=on,size=64G,ssd=1\n"
              "scsihw: virtio-scsi-single\n"
              "smbios1: uuid=UUID\n"
              "tpmstate0: local:100/vm-100-disk-2.raw,size=4M,version=v2.0\n"
              "vmgenid: UUID\n");
    const std::string vars = scratch_.folder.path() + "/vars";
    qemu_img(
        {"convert", "-f", "qcow2", "-O", "raw", info("local:100/vm-100-disk-1.qcow2").path, vars});
    EXPECT_EQ(scratch_.host.read(vars), scratch_.host.read("/usr/share/OVMF/OVMF_VARS_4M.ms.fd"));
}

// A plan lies in a job's folder for as long as the job is remembered.
TEST_F(CreateTest, APasswordIsKeptAsItsHashOnly) {
    const Plan plan = vm().create(
        scratch_.engine, 100,
        {{"disk", "none"}, {"bridge", "none"}, {"user", "ann"}, {"password", "open sesame"}});
    EXPECT_EQ(plan_to_json(plan).find("open sesame"), std::string::npos);
    make(101, {{"disk", "none"}, {"bridge", "none"}, {"values", List{"cipassword=open sesame"}}});
    EXPECT_NE(text(101).find("cipassword: $6$"), std::string::npos);
    // What sets it in Windows wants the words.
    make(102, {{"disk", "none"},
               {"bridge", "none"},
               {"password", "open sesame"},
               {"values", List{"ostype=win10"}}});
    EXPECT_NE(text(102).find("cipassword: open sesame\n"), std::string::npos);
}

TEST_F(CreateTest, WordsOfTheConfigurationAndOurs) {
    scratch_.host.write(scratch_.host.state_folder() + "/template/iso/debian.iso", "iso");
    make(100, {{"values", List{"memory=4096", "scsi1=local:2,ssd=1,format=raw", "net0=virtio",
                               "net3=e1000", "boot=order=ide2", "description=two\nlines",
                               "disk=none", "iso=debian.iso", "agent="}}});
    EXPECT_EQ(text(100),
              "#two\n"
              "#lines\n"
              "boot: order=ide2\n"
              "cores: 2\n"
              "cpu: host\n"
              "ide2: local:iso/debian.iso,media=cdrom\n"
              "machine: q35\n"
              "memory: 4096\n"
              "meta: ctime=NOW\n"
              "net0: virtio=MAC\n"
              "net3: e1000=MAC\n"
              "ostype: l26\n"
              "rng0: source=/dev/urandom\n"
              "scsi1: local:100/vm-100-disk-0.raw,size=2G,ssd=1\n"
              "scsihw: virtio-scsi-single\n"
              "serial0: socket\n"
              "smbios1: uuid=UUID\n"
              "vmgenid: UUID\n");
}

TEST_F(CreateTest, CloudImage) {
    const std::string image = scratch_.folder.path() + "/cloud.qcow2";
    qemu_img({"create", "-f", "qcow2", image, "8M"});
    make(100, {{"image", image},
               {"disk", "16M"},
               {"user", "ann"},
               {"ssh-key", "ssh-ed25519 AAAA+/ ann@home"},
               {"bridge", "none"}});
    const Config config = load_guest(scratch_.engine, 100).config;
    EXPECT_EQ(config.current.get("scsi0"),
              "local:100/vm-100-disk-0.qcow2,discard=on,iothread=1,size=16M,ssd=1");
    EXPECT_EQ(config.current.get("scsi1"), "local:100/vm-100-cloudinit.qcow2,media=cdrom,size=4M");
    EXPECT_EQ(config.current.get("ciuser"), "ann");
    EXPECT_EQ(config.current.get("sshkeys"), "ssh-ed25519%20AAAA%2B%2F%20ann%40home%0A");
    EXPECT_EQ(config.current.get("ipconfig0"), "ip=dhcp");
    EXPECT_EQ(info("local:100/vm-100-disk-0.qcow2").size, 16 << 20);
}

TEST_F(CreateTest, RefusalsComeBeforeAnythingIsMade) {
    const struct {
        Values words;
        std::string part;
    } cases[] = {
        {{{"values", List{"memory=lots"}}}, "memory"},
        {{{"values", List{"nokey=1"}}}, "nokey"},
        {{{"values", List{"memory"}}}, "KEY=VALUE"},
        {{{"values", List{"lock=backup"}}}, "lock"},
        {{{"disk", "big"}}, "no size for a disk"},
        {{{"disk", "nowhere:4G"}}, "there is no storage 'nowhere'"},
        {{{"storage", "nowhere"}}, "there is no storage 'nowhere'"},
        {{{"iso", "missing.iso"}}, "there is no ISO"},
        {{{"image", "/nowhere/x.qcow2"}}, "/nowhere/x.qcow2"},
        {{{"ssh-key", "/nowhere/key"}}, "neither an SSH key"},
        {{{"name", "two words"}}, "name"},
        {{{"values", List{"scsi0=local:1,color=red"}}}, "color"},
    };
    for (const auto& one : cases) {
        const std::string words =
            words_of_error([&] { vm().create(scratch_.engine, 100, one.words); });
        EXPECT_NE(words.find(one.part), std::string::npos) << one.part << ": " << words;
    }
    EXPECT_FALSE(scratch_.host.exists(config_path(100)));
    EXPECT_TRUE(images(100).empty());
}

TEST_F(CreateTest, FailureLeavesNothing) {
    Plan plan = vm().create(scratch_.engine, 100, {{"disk", "1M"}});
    plan.steps.insert(plan.steps.end() - 1,
                      {"this fails", {"remove", {{"path", "/proc/version"}}}, std::nullopt});
    EXPECT_NE(words_of_error([&] { run(plan); }), "");
    EXPECT_FALSE(scratch_.host.exists(config_path(100)));
    EXPECT_TRUE(images(100).empty());
}

TEST_F(CreateTest, ATakenIdHarmsNobody) {
    const Plan late = vm().create(scratch_.engine, 100, {{"disk", "2M"}, {"name", "late"}});
    make(100, {{"disk", "1M"}, {"name", "early"}});
    EXPECT_NE(words_of_error([&] { run(late); }).find("taken"), std::string::npos);
    EXPECT_EQ(load_guest(scratch_.engine, 100).name, "early");
    EXPECT_EQ(info("local:100/vm-100-disk-0.qcow2").size, 1 << 20);
}

// What a crash leaves behind at each step can be undone, and a finished guest is never harmed by
// it.
TEST_F(CreateTest, LeftoversOfEveryStepCanBeCleaned) {
    const Plan plan = vm().create(scratch_.engine, 100, {{"disk", "1M"}, {"tpm", "1"}});
    for (size_t begun = 1; begun <= plan.steps.size(); ++begun) {
        Plan first = plan, back;
        first.steps.resize(begun);
        run(first);
        for (size_t i = begun; i-- > 0;)
            if (plan.steps[i].undo)
                back.steps.push_back({"undo", *plan.steps[i].undo, std::nullopt});
        run(back);
        const bool finished = begun == plan.steps.size();
        EXPECT_EQ(scratch_.host.exists(config_path(100)), finished) << begun;
        EXPECT_EQ(images(100).size(), finished ? 2u : 0u) << begun;
    }
}

TEST_F(CreateTest, HalfAGuestCanBeDestroyed) {
    Plan plan = vm().create(scratch_.engine, 100, {{"disk", "1M"}});
    plan.steps.pop_back();
    run(plan);
    const Guest half = load_guest(scratch_.engine, 100);
    EXPECT_EQ(half.config.current.get("lock"), "create");
    run(vm().destroy(scratch_.engine, half, {}));
    EXPECT_FALSE(scratch_.host.exists(config_path(100)));
    EXPECT_TRUE(images(100).empty());
}

TEST_F(CreateTest, DestroyTakesWhatIsTheGuestsAndNoMore) {
    scratch_.host.write(scratch_.host.state_folder() + "/template/iso/debian.iso", "iso");
    make(100, {{"disk", List{"1M", "2M"}}, {"iso", "debian.iso"}});
    make(101, {{"disk", "1M"}});
    const std::string stray = scratch_.host.state_folder() + "/images/100/vm-100-disk-7.raw";
    scratch_.host.write(stray, std::string(512, 'x'));
    scratch_.host.write(guest_log_folder(scratch_.host, 100) + "/qemu.log", "words");
    scratch_.engine.store.change("qemu-server", 100, vm_schema(), [](Config& config) {
        config.current.set("unused0", "local:100/vm-100-disk-1.qcow2");
        config.current.erase("scsi1");
        config.current.set("virtio3", "local:101/vm-101-disk-0.qcow2");
        config.current.set("virtio4", "local:100/vm-100-disk-99.qcow2");
    });
    const Plan plan = vm().destroy(scratch_.engine, load_guest(scratch_.engine, 100), {});
    ASSERT_EQ(plan.warnings.size(), 2u);
    EXPECT_EQ(plan.warnings[0], "local:101/vm-101-disk-0.qcow2 is kept: it belongs to guest 101");
    EXPECT_EQ(plan.warnings[1].rfind("local:100/vm-100-disk-7.raw stays", 0), 0u);
    run(plan);
    EXPECT_EQ(images(100), List{"vm-100-disk-7.raw"});
    EXPECT_EQ(images(101), List{"vm-101-disk-0.qcow2"});
    EXPECT_FALSE(scratch_.host.exists(guest_log_folder(scratch_.host, 100)));
    EXPECT_FALSE(scratch_.host.exists(config_path(100)));
    EXPECT_TRUE(scratch_.host.exists(scratch_.host.state_folder() + "/template/iso/debian.iso"));
}

TEST_F(CreateTest, DestroyRefuses) {
    make(100, {{"disk", "1M"}, {"values", List{"protection=1"}}});
    EXPECT_NE(words_of_error([&] {
                  vm().destroy(scratch_.engine, load_guest(scratch_.engine, 100), {});
              }).find("protected"),
              std::string::npos);
    make(101, {{"disk", "1M"}});
    const Plan keep =
        vm().destroy(scratch_.engine, load_guest(scratch_.engine, 101), {{"keep-disks", true}});
    run(keep);
    EXPECT_EQ(images(101).size(), 1u);
}

TEST_F(CreateTest, FullCloneIsAnotherGuest) {
    make(100, {{"name", "web"}, {"disk", "2M"}, {"tpm", "1"}, {"bridge", "none"}});
    scratch_.engine.store.change("qemu-server", 100, vm_schema(), [](Config& config) {
        config.current.set("unused0", "local:100/vm-100-disk-5.qcow2");
        config.current.set_description("notes");
    });
    const Guest source = load_guest(scratch_.engine, 100);
    run(vm().clone(scratch_.engine, source, {{"format", "raw"}}));
    const Guest copy = load_guest(scratch_.engine, 101);
    EXPECT_EQ(copy.name, "web-clone");
    EXPECT_EQ(copy.config.current.get("scsi0"),
              "local:101/vm-101-disk-0.raw,discard=on,iothread=1,size=2M,ssd=1");
    EXPECT_EQ(copy.config.current.get("tpmstate0"),
              "local:101/vm-101-disk-1.raw,size=4M,version=v2.0");
    EXPECT_EQ(copy.config.current.description(), "notes");
    for (const std::string key : {"net0", "smbios1", "vmgenid"})
        EXPECT_NE(copy.config.current.get(key), source.config.current.get(key)) << key;
    EXPECT_FALSE(copy.config.current.has("unused0"));
    EXPECT_FALSE(copy.config.current.has("lock"));
    EXPECT_TRUE(copy.config.problems().empty());
}

TEST_F(CreateTest, TemplateAndLinkedClones) {
    make(100, {{"name", "base"}, {"disk", "2M"}});
    run(vm().make_template(scratch_.engine, load_guest(scratch_.engine, 100), {}));
    const Guest base = load_guest(scratch_.engine, 100);
    EXPECT_EQ(base.config.current.get("template"), "1");
    EXPECT_EQ(base.config.current.get("scsi0"),
              "local:100/base-100-disk-0.qcow2,discard=on,iothread=1,size=2M,ssd=1");
    run(vm().clone(scratch_.engine, base, {{"name", "one"}}));
    run(vm().clone(scratch_.engine, base, {{"name", "two"}, {"full", true}}));
    const Guest one = load_guest(scratch_.engine, 101);
    EXPECT_EQ(one.config.current.get("scsi0"),
              "local:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,discard=on,iothread=1,"
              "size=2M,ssd=1");
    EXPECT_FALSE(one.config.flag("template"));
    EXPECT_EQ(load_guest(scratch_.engine, 102).config.current.get("scsi0"),
              "local:102/vm-102-disk-0.qcow2,discard=on,iothread=1,size=2M,ssd=1");
    EXPECT_NE(
        words_of_error([&] { vm().destroy(scratch_.engine, base, {}); }).find("linked clones"),
        std::string::npos);
    EXPECT_THROW(vm().make_template(scratch_.engine, base, {}), Error);
    run(vm().destroy(scratch_.engine, one, {}));
    run(vm().destroy(scratch_.engine, base, {}));
    EXPECT_TRUE(images(100).empty());
}

TEST_F(CreateTest, DisksComeAndGo) {
    Engine& engine = scratch_.engine;
    make(100, {{"disk", "1M"}});
    auto guest = [&] { return load_guest(engine, 100); };
    run(disk_create(engine, guest(), {{"size", "2M"}, {"format", "raw"}}));
    EXPECT_EQ(guest().config.current.get("scsi1"),
              "local:100/vm-100-disk-1.raw,discard=on,iothread=1,size=2M,ssd=1");
    run(disk_resize(engine, guest(), {{"key", "scsi1"}, {"size", "+2M"}}));
    EXPECT_EQ(info("local:100/vm-100-disk-1.raw").size, 4 << 20);
    EXPECT_NE(guest().config.string_of("scsi1").find("size=4M"), std::string::npos);
    EXPECT_NE(words_of_error([&] {
                  disk_resize(engine, guest(), {{"key", "scsi1"}, {"size", "1M"}});
              }).find("--shrink"),
              std::string::npos);
    run(disk_move(engine, guest(), {{"key", "scsi1"}, {"format", "qcow2"}, {"keep", true}}));
    EXPECT_NE(guest().config.string_of("scsi1").find("vm-100-disk-2.qcow2"), std::string::npos);
    EXPECT_EQ(guest().config.string_of("unused0"), "local:100/vm-100-disk-1.raw");
    EXPECT_THROW(volume_delete(engine, "local:100/vm-100-disk-1.raw"), Error);
    run(disk_delete(engine, guest(), {{"key", "unused0"}}));
    EXPECT_FALSE(guest().config.current.has("unused0"));
    run(disk_detach(engine, guest(), {{"key", "scsi1"}}));
    EXPECT_EQ(guest().config.string_of("unused0"), "local:100/vm-100-disk-2.qcow2");
    run(disk_attach(engine, guest(), {{"volume", "unused0"}, {"key", "virtio0"}}));
    EXPECT_EQ(guest().config.string_of("virtio0"),
              "local:100/vm-100-disk-2.qcow2,discard=on,iothread=1,size=4M");
    EXPECT_FALSE(guest().config.current.has("unused0"));
    const std::string image = scratch_.folder.path() + "/x.vmdk";
    qemu_img({"create", "-f", "vmdk", image, "3M"});
    run(disk_import(engine, guest(), {{"file", image}}));
    EXPECT_EQ(guest().config.string_of("scsi1"),
              "local:100/vm-100-disk-1.qcow2,discard=on,iothread=1,size=3M,ssd=1");
}

TEST(Identity, IsRandomAndWellFormed) {
    const std::string mac = random_mac();
    EXPECT_TRUE(std::regex_match(mac, std::regex("02(:[0-9A-F]{2}){5}"))) << mac;
    EXPECT_NE(mac, random_mac());
    EXPECT_TRUE(std::regex_match(
        random_uuid(),
        std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
}

}  // namespace
}  // namespace lodge
