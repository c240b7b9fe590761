#include "engine/vm/firmware.h"

#include "engine/vm/argv_parts.h"

// UEFI and TPM.
namespace lodge {

OvmfVariables ovmf_variables(std::string_view efitype, bool enrolled) {
    if (efitype == "2m") return {enrolled ? "OVMF_VARS.ms.fd" : "OVMF_VARS.fd", 131072};
    return {enrolled ? "OVMF_VARS_4M.ms.fd" : "OVMF_VARS_4M.fd", 540672};
}

namespace argv {
namespace {

Json flash_file(const std::string& name, const std::string& path, bool read_only) {
    Json node = {{"driver", "file"}, {"node-name", "file-" + name}, {"filename", path}};
    if (read_only) node["read-only"] = true;
    return node;
}

}  // namespace

Firmware firmware_of(const Builder& builder) {
    Firmware firmware;
    firmware.ovmf = builder.config.string_of("bios") == "ovmf";
    if (!firmware.ovmf) return firmware;
    const auto disk = builder.config.properties("efidisk0");
    firmware.keep = disk && disk->has("file");
    // The format's default is 2m for a disk that says nothing; without a disk there is no past.
    const std::string type = firmware.keep ? disk->text("efitype") : "4m";
    const bool enrolled = firmware.keep && disk->flag("pre-enrolled-keys");
    // The firmware that enforces Secure Boot keeps its variables behind SMM, which i440fx lacks.
    firmware.secure = enrolled && builder.q35;
    const std::string end = type == "2m" ? ".fd" : "_4M.fd";
    const std::string secure_end = type == "2m" ? ".secboot.fd" : "_4M.secboot.fd";
    const std::string folder = builder.facts.ovmf_folder + "/";
    const OvmfVariables variables = ovmf_variables(type, enrolled);
    firmware.code = folder + "OVMF_CODE" + (firmware.secure ? secure_end : end);
    firmware.variables = folder + variables.file;
    firmware.variables_size = variables.size;
    return firmware;
}

void add_firmware(Builder& builder) {
    const Firmware firmware = firmware_of(builder);
    const auto disk = builder.config.properties("efidisk0");
    builder.begin("efidisk0");
    if (!firmware.ovmf) {
        if (disk) builder.warn("efidisk0: not used: bios is seabios");
        return;
    }
    builder.begin("bios");
    builder.blockdev(flash_file("firmware", firmware.code, true));
    builder.blockdev({{"driver", "raw"},
                      {"node-name", "fmt-firmware"},
                      {"read-only", true},
                      {"file", "file-firmware"}});
    if (firmware.secure) builder.text("-global", "driver=cfi.pflash01,property=secure,value=on");
    if (!firmware.keep) {
        builder.warn(
            "bios: there is no efidisk0: what the guest stores in its firmware (boot entries) "
            "is gone when it stops");
        builder.text("-drive", "if=pflash,unit=1,format=raw,snapshot=on,file=" +
                                   comma_safe(firmware.variables));
        return;
    }
    builder.begin("efidisk0");
    if (disk->flag("pre-enrolled-keys") && !firmware.secure)
        builder.warn("efidisk0: Secure Boot is not enforced: it needs the machine q35");
    if (disk->has("ms-cert") && disk->text("ms-cert") != "2011")
        builder.warn(
            "efidisk0: ms-cert={}: the variables keep the certificates they have; this "
            "machine's ovmf brings those of 2011",
            disk->text("ms-cert"));
    const MachineFacts::Volume& volume = builder.volume("efidisk0", disk->text("file"));
    std::string path = volume.path;
    if (volume.block_device)
        path = builder.hand_over_file(path, false);
    else
        builder.command.owned.push_back(path);
    Json file = flash_file("efidisk0", path, false);
    if (volume.block_device) file["driver"] = "host_device";
    builder.blockdev(std::move(file));
    Json node = {{"driver", volume.format.empty() ? "raw" : volume.format},
                 {"node-name", "fmt-efidisk0"},
                 {"file", "file-efidisk0"}};
    // A volume may be larger than the flash; its beginning counts.
    if (node["driver"] == "raw") node["size"] = firmware.variables_size;
    builder.blockdev(std::move(node));
}

void add_tpm(Builder& builder) {
    const auto disk = builder.config.properties("tpmstate0");
    if (!disk || !disk->has("file")) return;
    builder.begin("tpmstate0");
    const MachineFacts::Volume& volume = builder.volume("tpmstate0", disk->text("file"));
    if (volume.format != "raw" && !volume.format.empty())
        fail(Exit::missing,
             "guest {} cannot start: tpmstate0 is {}, and the TPM (swtpm) keeps its "
             "state in raw volumes only",
             builder.id, volume.format);
    if (builder.facts.swtpm.empty())
        fail(Exit::missing,
             "guest {} cannot start: its TPM needs the program swtpm (package swtpm)", builder.id);
    const bool two = disk->text("version") == "v2.0";
    Helper helper;
    helper.name = "swtpm";
    const std::string own = builder.own_folder();
    helper.socket = own + "/swtpm";
    // swtpm keeps its state in the volume itself, so that it is backed up and cloned with the
    // guest.
    helper.argv = {builder.facts.swtpm,
                   "socket",
                   "--tpmstate",
                   "backend-uri=file://" + volume.path,
                   "--ctrl",
                   "type=unixio,path=" + helper.socket + ",mode=0600",
                   "--terminate"};
    if (two) helper.argv.push_back("--tpm2");
    builder.command.owned.push_back(volume.path);
    builder.command.helpers.push_back(helper);
    builder.chardev("socket,id=tpm,path=" + comma_safe(helper.socket));
    builder.text("-tpmdev", "emulator,id=tpmstate0,chardev=tpm");
    builder.device({{"driver", two ? "tpm-crb" : "tpm-tis"}, {"tpmdev", "tpmstate0"}});
}

}  // namespace argv
}  // namespace lodge
