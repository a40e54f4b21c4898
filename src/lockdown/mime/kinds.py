"""The types of files that we tell apart: a word for each, what it is, and whether it is let in by default.

The words are stable: settings, events and rooms use them. `mime.filetype.kind_of` gives one for a content.
Fails as: nothing; a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Family(StrEnum):
    """What one can do with a file."""

    PROGRAM = "program"
    SCRIPT = "script"
    SHORTCUT = "shortcut"
    DISK_IMAGE = "disk-image"
    CONTAINER = "container"
    DOCUMENT = "document"
    MACRO_DOCUMENT = "macro-document"
    WEB = "web"
    PICTURE = "picture"
    TEXT = "text"
    MAIL = "mail"
    OTHER = "other"


class Told(StrEnum):
    """What tells a type."""

    BY_CONTENT = "its content"
    BY_NAME_OF_TEXT = "its name, where the content is text: a script looks like any other text"
    BY_NAME = "its name, where the content tells nothing: the system that opens it goes by the name as well"


class Kind(NamedTuple):
    """One type of file."""

    what: str
    """In words, for a person: "is …"."""
    family: Family
    extensions: tuple[str, ...] = ()
    """Usual ones, without a dot; the first is the most usual."""
    dangerous: bool = False
    """Not let in by default, as an attachment or as a member of a container: it does what its sender wants."""
    told: Told = Told.BY_CONTENT


_P, _S, _L, _D = Family.PROGRAM, Family.SCRIPT, Family.SHORTCUT, Family.DISK_IMAGE
_C, _O, _M, _W = Family.CONTAINER, Family.DOCUMENT, Family.MACRO_DOCUMENT, Family.WEB
_I, _T, _E, _X = Family.PICTURE, Family.TEXT, Family.MAIL, Family.OTHER
_TEXT, _NAME = Told.BY_NAME_OF_TEXT, Told.BY_NAME

_TABLE: dict[str, Kind] = {
    # programs
    "pe": Kind("a Windows program or library", _P,
               ("exe", "dll", "scr", "cpl", "xll", "ocx", "sys", "drv", "efi", "wll", "ax", "mui"), True),
    "dos-exe": Kind("a DOS or 16-bit Windows program", _P, ("exe", "com", "pif"), True),
    "com": Kind("something that Windows would run as a program for its name", _P,
                ("com", "exe", "scr", "pif", "cpl", "dll", "xll", "msi", "msp", "mst", "lnk", "jar", "chm", "hlp",
                 "mde", "accde", "ade", "adp"), True, _NAME),
    "elf": Kind("a Linux program or library", _P, ("elf", "so", "bin", "run", "o"), True),
    "mach-o": Kind("a macOS program or library", _P, ("dylib",), True),
    "java-class": Kind("a Java class", _P, ("class",), True),
    "jar": Kind("a Java program", _P, ("jar", "war", "ear"), True),
    "apk": Kind("an Android program", _P, ("apk", "aab", "xapk"), True),
    "ipa": Kind("an iOS program", _P, ("ipa",), True),
    "dex": Kind("an Android program's code", _P, ("dex",), True),
    "appx": Kind("a Windows Store program", _P, ("appx", "msix", "appxbundle", "msixbundle"), True),
    "xpi": Kind("a browser extension", _P, ("xpi", "crx"), True),
    "msi": Kind("a Windows installer package", _P, ("msi", "msp", "mst"), True),
    "deb": Kind("a Debian package", _P, ("deb", "udeb"), True),
    "rpm": Kind("an RPM package", _P, ("rpm",), True),
    "sis": Kind("a Symbian program", _P, ("sis", "sisx"), True),
    "wasm": Kind("WebAssembly", _P, ("wasm",), True),
    "pyc": Kind("compiled Python", _P, ("pyc", "pyo"), True, _NAME),
    "swf": Kind("a Flash program", _P, ("swf",), True),
    "lua-bytecode": Kind("compiled Lua", _P, ("luac",), True),
    "access": Kind("an Access database, which runs code", _P, ("mdb", "mde", "accdb", "accde", "ade", "adp"), True),
    "shell-scrap": Kind("a Windows scrap object", _P, ("shs", "shb"), True, _NAME),
    # scripts
    "js": Kind("JavaScript that Windows would run", _S, ("js", "mjs"), True, _TEXT),
    "jse": Kind("encoded JavaScript", _S, ("jse",), True, _NAME),
    "vbs": Kind("VBScript", _S, ("vbs", "vb"), True, _TEXT),
    "vbe": Kind("encoded VBScript", _S, ("vbe",), True, _NAME),
    "wsf": Kind("a Windows script file", _S, ("wsf", "ws"), True, _TEXT),
    "wsh": Kind("settings of a Windows script", _S, ("wsh",), True, _TEXT),
    "sct": Kind("a Windows scriptlet", _S, ("sct", "wsc"), True, _TEXT),
    "hta": Kind("an HTML application", _S, ("hta",), True, _NAME),
    "ps1": Kind("PowerShell", _S, ("ps1", "psm1", "psd1", "ps1xml", "ps2", "psc1", "pssc", "cdxml"), True, _TEXT),
    "bat": Kind("a Windows batch file", _S, ("bat", "cmd", "nt"), True, _TEXT),
    "reg": Kind("entries for the Windows registry", _S, ("reg",), True, _TEXT),
    "inf": Kind("setup instructions for Windows", _S, ("inf", "ins", "isp"), True, _TEXT),
    "msc": Kind("a Windows management console", _S, ("msc",), True, _TEXT),
    "theme": Kind("a Windows theme", _S, ("theme", "themepack", "deskthemepack"), True, _NAME),
    "clickonce": Kind("a ClickOnce program", _S, ("application", "vsto"), True, _TEXT),
    "appinstaller": Kind("an order to install a program", _S, ("appinstaller", "appcontent-ms"), True, _TEXT),
    "launcher": Kind("a file for which Windows loads or runs another", _S,
                     ("bas", "fxp", "grp", "htc", "mcf", "msh", "msh1", "msh2", "mshxml", "msh1xml", "msh2xml", "ops",
                      "osd", "plg", "prf", "printerexport", "psdm1", "pyz", "pyzw", "udl", "vbp", "vsmacros", "vsw",
                      "wcx", "webpnp", "workflow", "xnk"), True, _TEXT),
    "jnlp": Kind("a Java Web Start program", _S, ("jnlp",), True, _TEXT),
    "shell": Kind("a shell script", _S, ("sh", "bash", "csh", "ksh", "zsh", "command"), True, _TEXT),
    "script": Kind("a script", _S, ("py", "pyw", "pl", "rb", "lua", "tcl", "php", "ahk", "au3", "applescript", "scpt",
                                    "asp", "aspx", "jsp", "cgi"), True, _TEXT),
    "sylk": Kind("a SYLK table", _O, ("slk",)),
    "iqy": Kind("a web query for Excel", _S, ("iqy", "oqy", "dqy", "rqy"), True, _TEXT),
    "chm": Kind("compiled HTML help, which runs scripts", _S, ("chm", "its"), True),
    "hlp": Kind("old Windows help, which runs macros", _S, ("hlp",), True),
    "onenote": Kind("a OneNote section, which carries files to click on", _S, ("one", "onetoc2", "onepkg"), True),
    "xbap": Kind("a program for the browser", _S, ("xbap", "gadget", "diagcab", "diagcfg", "diagpkg"), True, _NAME),
    # shortcuts
    "lnk": Kind("a Windows shortcut", _L, ("lnk",), True),
    "url": Kind("an Internet shortcut", _L, ("url", "website"), True, _TEXT),
    "scf": Kind("an Explorer command", _L, ("scf",), True, _TEXT),
    "desktop": Kind("a Linux starter", _L, ("desktop",), True, _TEXT),
    "library-ms": Kind("a Windows library, which may lie on a foreign server", _L, ("library-ms",), True, _TEXT),
    "search-ms": Kind("a Windows search, which may lie on a foreign server", _L,
                      ("search-ms", "searchconnector-ms"), True, _TEXT),
    "settingcontent-ms": Kind("a link to a Windows setting, which runs commands", _L, ("settingcontent-ms",), True,
                              _TEXT),
    "appref-ms": Kind("a link to a ClickOnce program", _L, ("appref-ms",), True, _NAME),
    "rdp": Kind("a link to a foreign desktop, which may share this machine's disks", _L, ("rdp",), True, _TEXT),
    "access-shortcut": Kind("a shortcut into an Access database", _L,
                            ("mad", "maf", "mag", "mam", "maq", "mar", "mas", "mau", "mav", "maw", "mda", "mdt", "mdw",
                             "mdz", "accda", "accdc", "accdr", "accdt", "accdu"), True, _NAME),
    "webloc": Kind("a macOS Internet shortcut", _L, ("webloc", "inetloc", "fileloc", "terminal"), True, _TEXT),
    # disk images: what is in them has lost the mark of the web
    "iso": Kind("a CD image", _D, ("iso", "cdr"), True, _NAME),
    "udf": Kind("a DVD image", _D, ("udf", "iso"), True),
    "vhd": Kind("a virtual disk", _D, ("vhd",), True, _NAME),
    "vhdx": Kind("a virtual disk", _D, ("vhdx", "avhdx"), True, _NAME),
    "vmdk": Kind("a virtual disk", _D, ("vmdk",), True, _NAME),
    "qcow": Kind("a virtual disk", _D, ("qcow2", "qcow"), True),
    "vdi": Kind("a virtual disk", _D, ("vdi",), True),
    "img": Kind("a disk image", _D, ("img", "ima", "vfd", "dsk"), True, _NAME),
    "dmg": Kind("a macOS disk image", _D, ("dmg",), True, _NAME),
    "wim": Kind("a Windows disk image", _D, ("wim", "esd", "swm"), True),
    "squashfs": Kind("a Linux disk image", _D, ("squashfs", "sqsh", "snap"), True),
    "ext": Kind("a Linux disk image", _D, ("ext4",), True),
    # containers
    "zip": Kind("a zip archive", _C, ("zip", "zipx")),
    "7z": Kind("a 7-Zip archive", _C, ("7z",)),
    "rar4": Kind("a RAR archive", _C, ("rar",)),
    "rar5": Kind("a RAR archive", _C, ("rar",)),
    "tar": Kind("a tar archive", _C, ("tar",)),
    "cpio": Kind("a cpio archive", _C, ("cpio",)),
    "ar": Kind("an ar archive", _C, ("a", "ar", "lib")),
    "cab": Kind("a Windows cabinet", _C, ("cab",)),
    "installshield-cab": Kind("an InstallShield cabinet", _C, ("cab", "hdr")),
    "lha": Kind("an LHA archive", _C, ("lzh", "lha")),
    "arj": Kind("an ARJ archive", _C, ("arj",)),
    "ace": Kind("an ACE archive", _C, ("ace",)),
    "zoo": Kind("a ZOO archive", _C, ("zoo",)),
    "arc": Kind("an ARC archive", _C, ("arc",), False, _NAME),
    "alz": Kind("an ALZip archive", _C, ("alz",)),
    "egg": Kind("an ALZip archive", _C, ("egg",)),
    "xar": Kind("a macOS package", _C, ("xar", "pkg")),
    "stuffit": Kind("a StuffIt archive", _C, ("sit", "sitx")),
    "gzip": Kind("gzip-compressed", _C, ("gz", "tgz")),
    "bzip2": Kind("bzip2-compressed", _C, ("bz2", "tbz2")),
    "xz": Kind("xz-compressed", _C, ("xz", "txz")),
    "zstd": Kind("zstd-compressed", _C, ("zst",)),
    "lz4": Kind("lz4-compressed", _C, ("lz4",)),
    "lzma": Kind("lzma-compressed", _C, ("lzma",)),
    "lzip": Kind("lzip-compressed", _C, ("lz",)),
    "lzop": Kind("lzop-compressed", _C, ("lzo",)),
    "lrzip": Kind("lrzip-compressed", _C, ("lrz",)),
    "compress": Kind("compress-compressed", _C, ("z", "taz")),
    "brotli": Kind("brotli-compressed", _C, ("br",), False, _NAME),
    "szdd": Kind("compressed by COMPRESS.EXE", _C, ()),
    "warc": Kind("a web archive", _C, ("warc",)),
    "uuencode": Kind("a uuencoded file", _C, ("uu", "uue")),
    "yenc": Kind("a yEnc-encoded file", _C, ("ync",)),
    "binhex": Kind("a BinHex-encoded file", _C, ("hqx",)),
    "macbinary": Kind("a Macintosh file with its forks", _C, ("bin",)),
    "appledouble": Kind("the other fork of a Macintosh file", _C, ()),
    "tnef": Kind("Outlook's winmail.dat", _C, ("tnef", "dat")),
    "activemime": Kind("an Office part in ActiveMime", _C, ("mso",)),
    # documents
    "doc": Kind("an old Word document", _O, ("doc", "dot", "wiz")),
    "xls": Kind("an old Excel document", _O, ("xls", "xlt", "xla", "xlm", "xlw")),
    "ppt": Kind("an old PowerPoint document", _O, ("ppt", "pps", "pot", "ppa")),
    "docx": Kind("a Word document", _O, ("docx", "dotx")),
    "xlsx": Kind("an Excel document", _O, ("xlsx", "xltx")),
    "xlsb": Kind("an Excel document", _O, ("xlsb",)),
    "pptx": Kind("a PowerPoint document", _O, ("pptx", "ppsx", "potx", "sldx")),
    "docm": Kind("a Word document with macros", _M, ("docm", "dotm")),
    "xlsm": Kind("an Excel document with macros", _M, ("xlsm", "xltm", "xlam")),
    "pptm": Kind("a PowerPoint document with macros", _M, ("pptm", "ppsm", "potm", "ppam", "sldm")),
    "encrypted-office": Kind("an encrypted Office document", _O, ()),
    "visio": Kind("a Visio drawing", _O, ("vsdx", "vsd", "vsdm", "vstx", "vst")),
    "publisher": Kind("a Publisher document", _O, ("pub",)),
    "project": Kind("a Project plan", _O, ("mpp",)),
    "hwp": Kind("a Hangul document", _O, ("hwp", "hwpx")),
    "works": Kind("a Works document", _O, ("wps", "wks", "wdb")),
    "odt": Kind("an OpenDocument text", _O, ("odt", "ott", "sxw", "fodt", "odm", "oth")),
    "ods": Kind("an OpenDocument table", _O, ("ods", "ots", "sxc", "fods")),
    "odp": Kind("an OpenDocument presentation", _O, ("odp", "otp", "sxi", "fodp", "odg", "otg", "fodg")),
    "odf": Kind("another OpenDocument file", _O, ("odf", "odb", "odc", "odi")),
    "word-xml": Kind("a Word document as XML", _O, ("xml", "fodt")),
    "excel-xml": Kind("an Excel document as XML", _O, ("xml",)),
    "xps": Kind("an XPS document", _O, ("xps", "oxps")),
    "epub": Kind("an e-book", _O, ("epub",)),
    "pdf": Kind("a PDF", _O, ("pdf",)),
    "xdp": Kind("a PDF form as XML", _O, ("xdp", "xfdf", "xfd")),
    "postscript": Kind("PostScript, a program for printers", _O, ("ps", "eps", "ai")),
    "rtf": Kind("an RTF document", _O, ("rtf",)),
    "djvu": Kind("a scanned document", _O, ("djvu",)),
    "ole": Kind("a compound file of unknown kind", _O, ()),
    "ooxml": Kind("an Office package of unknown kind", _O, ()),
    "ole-package": Kind("a packaged object", _O, ()),
    # the web
    "html": Kind("a web page", _W, ("html", "htm", "shtml", "xhtml", "xht")),
    "svg": Kind("a picture that may hold script", _W, ("svg",)),
    "svgz": Kind("a compressed picture that may hold script", _W, ("svgz",)),
    "xml": Kind("XML", _T, ("xml", "xsl", "xslt", "xsd", "rss", "kml", "gpx")),
    "mht": Kind("a web page with all its parts", _W, ("mht", "mhtml")),
    "css": Kind("a style sheet", _T, ("css",), False, _TEXT),
    # pictures, sound, film, fonts
    "png": Kind("a picture", _I, ("png", "apng")),
    "jpeg": Kind("a picture", _I, ("jpg", "jpeg", "jpe", "jfif")),
    "gif": Kind("a picture", _I, ("gif",)),
    "bmp": Kind("a picture", _I, ("bmp", "dib")),
    "tiff": Kind("a picture", _I, ("tif", "tiff")),
    "webp": Kind("a picture", _I, ("webp",)),
    "heif": Kind("a picture", _I, ("heic", "heif", "avif")),
    "jpeg2000": Kind("a picture", _I, ("jp2", "jpx", "j2k")),
    "jxl": Kind("a picture", _I, ("jxl",)),
    "ico": Kind("an icon", _I, ("ico", "cur")),
    "psd": Kind("a picture", _I, ("psd",)),
    "wmf": Kind("a drawing", _I, ("wmf",)),
    "emf": Kind("a drawing", _I, ("emf",)),
    "dwg": Kind("a drawing", _I, ("dwg",)),
    "xcf": Kind("a picture", _I, ("xcf",)),
    "mp3": Kind("sound", _X, ("mp3",)),
    "ogg": Kind("sound or film", _X, ("ogg", "oga", "ogv", "opus")),
    "flac": Kind("sound", _X, ("flac",)),
    "midi": Kind("music", _X, ("mid", "midi")),
    "wav": Kind("sound", _X, ("wav",)),
    "avi": Kind("film", _X, ("avi",)),
    "mp4": Kind("film or sound", _X, ("mp4", "m4a", "m4v", "mov", "3gp")),
    "matroska": Kind("film", _X, ("mkv", "webm", "mka")),
    "asf": Kind("film or sound", _X, ("wmv", "wma", "asf")),
    "mpeg": Kind("film", _X, ("mpg", "mpeg", "vob")),
    "amr": Kind("sound", _X, ("amr",)),
    "font": Kind("a font", _X, ("ttf", "otf", "woff", "woff2", "eot")),
    "sqlite": Kind("a database", _X, ("sqlite", "db")),
    "pgp": Kind("OpenPGP data", _X, ("asc", "sig", "gpg", "pgp")),
    "pkcs7": Kind("an S/MIME signature or message", _X, ("p7s", "p7m", "p7c", "p7b")),
    "pcap": Kind("a network recording", _X, ("pcap", "pcapng")),
    # mail
    "eml": Kind("a message", _E, ("eml",)),
    "msg": Kind("an Outlook message", _E, ("msg", "oft")),
    "mbox": Kind("a mailbox", _E, ("mbox",)),
    "pst": Kind("an Outlook mailbox", _E, ("pst", "ost")),
    "emlx": Kind("an Apple Mail message", _E, ("emlx",)),
    # text
    "ics": Kind("a calendar", _T, ("ics", "ifb")),
    "vcard": Kind("a contact", _T, ("vcf", "vcard")),
    "csv": Kind("a table as text", _T, ("csv", "tsv"), False, _TEXT),
    "json": Kind("JSON", _T, ("json",), False, _TEXT),
    "pem": Kind("a certificate or key", _T, ("pem", "crt", "cer", "key"), False, _TEXT),
    "text": Kind("text", _T, ("txt", "log", "md", "text")),
    "empty": Kind("nothing at all", _T, ()),
    "unknown": Kind("of no type that we know", _X, ()),
}  # fmt: skip

KINDS: Mapping[str, Kind] = MappingProxyType(_TABLE)
"""Every word that `kind_of` may say."""

NAMES_OF_TEXT: Mapping[str, str] = MappingProxyType(
    {extension: word for word, kind in _TABLE.items() if kind.told is Told.BY_NAME_OF_TEXT
     for extension in kind.extensions}
)  # fmt: skip
"""Extension to kind, for contents that are text."""

NAMES: Mapping[str, str] = MappingProxyType(
    {extension: word for word, kind in _TABLE.items() if kind.told is Told.BY_NAME for extension in kind.extensions}
)
"""Extension to kind, for contents that tell nothing."""

DANGEROUS_NAMES: frozenset[str] = frozenset(
    extension for kind in _TABLE.values() if kind.dangerous for extension in kind.extensions
) - {"bin", "o", "a", "run"}
"""Extensions that a system would run, mount or follow."""

NAMED_BY_TYPE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "text/javascript",
                "application/javascript",
                "application/x-javascript",
                "text/ecmascript",
                "application/ecmascript",
                "text/jscript",
            ),
            "js",
        ),
        **dict.fromkeys(("text/vbscript", "application/x-vbscript"), "vbs"),
        **dict.fromkeys(
            (
                "application/x-msdownload",
                "application/x-msdos-program",
                "application/x-dosexec",
                "application/vnd.microsoft.portable-executable",
            ),
            "exe",
        ),
        "application/hta": "hta",
        "text/scriptlet": "sct",
        "application/x-ms-shortcut": "lnk",
        "application/x-bat": "bat",
        "application/x-msi": "msi",
        "application/x-ms-application": "application",
        "application/x-java-jnlp-file": "jnlp",
        "application/java-archive": "jar",
    }
)
"""Declared type to the extension that mail programs give to a file without one."""

KNOWN_NAMES: frozenset[str] = frozenset(extension for kind in _TABLE.values() for extension in kind.extensions)
"""All extensions of the table."""
