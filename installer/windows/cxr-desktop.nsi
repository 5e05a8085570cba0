; Installer for Windows. Built by `python -m cxr_installer windows`, which passes:
;   VERSION, VERSION4 (a.b.c.d), COLLECTION (the frozen folder), OUTFILE, KILOBYTES
; The person chooses: for all users (needs an administrator) or for this user alone. The identifier below stays the
; same in every release, so that an update replaces what is there.

!define APP_ID   "{6F0B6C0E-6E0B-4C53-9C9B-0C8E1D7A4B52}"
!define APP_NAME "CXR Triage"
!define PUBLISHER "The cxr-triage authors"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${APP_ID}"
!define PROGRAM  "cxr-desktopw.exe"
!define BUNDLE_CLASS "CxrTriage.Bundle"
!define FILM_CLASS "CxrTriage.Film"

!define MULTIUSER_EXECUTIONLEVEL Highest
!define MULTIUSER_MUI
!define MULTIUSER_INSTALLMODE_COMMANDLINE
!define MULTIUSER_USE_PROGRAMFILES64
!define MULTIUSER_INSTALLMODE_INSTDIR "CXR Triage"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_KEY "${UNINSTALL}"
!define MULTIUSER_INSTALLMODE_DEFAULT_REGISTRY_VALUENAME "UninstallString"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_KEY "${UNINSTALL}"
!define MULTIUSER_INSTALLMODE_INSTDIR_REGISTRY_VALUENAME "InstallLocation"

Unicode true
ManifestDPIAware true
SetCompressor /SOLID lzma
Name "${APP_NAME} ${VERSION}"
OutFile "${OUTFILE}"
InstallDir "$PROGRAMFILES64\CXR Triage" ; so that a folder that is browsed to gets this name appended
BrandingText "Research use only. NOT FOR CLINICAL USE"

VIProductVersion "${VERSION4}"
VIAddVersionKey "ProductName" "${APP_NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Installs ${APP_NAME}"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "LegalCopyright" "Apache License 2.0"

!include MultiUser.nsh
!include MUI2.nsh
!include x64.nsh

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${COLLECTION}/LICENSE.txt"
!insertmacro MULTIUSER_PAGE_INSTALLMODE
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_ICONSTOP "${APP_NAME} needs a 64-bit Windows." /SD IDOK
    Abort
  ${EndIf}
  !insertmacro MULTIUSER_INIT
FunctionEnd

Function un.onInit
  !insertmacro MULTIUSER_UNINIT
FunctionEnd

!macro REFUSE_WHILE_IT_RUNS
  ClearErrors
  FileOpen $0 "$INSTDIR\${PROGRAM}" a
  ${If} ${Errors}
    MessageBox MB_ICONSTOP "${APP_NAME} is running. Close it and try again." /SD IDOK
    Abort
  ${EndIf}
  FileClose $0
!macroend

Function RefuseWhileItRuns
  !insertmacro REFUSE_WHILE_IT_RUNS
FunctionEnd

Function un.RefuseWhileItRuns
  !insertmacro REFUSE_WHILE_IT_RUNS
FunctionEnd

; Windows reads kinds of files anew.
!macro ASSOCIATIONS_CHANGED
  System::Call 'shell32::SHChangeNotify(i 0x08000000, i 0, p 0, p 0)'
!macroend

Section "${APP_NAME}" SecProgram
  SectionIn RO
  ; An update begins from nothing: files of another release must not stay beside the new ones. But only ours go.
  ${If} ${FileExists} "$INSTDIR\_internal\*.*"
    ${IfNot} ${FileExists} "$INSTDIR\${PROGRAM}"
      MessageBox MB_ICONSTOP "$INSTDIR holds another program. Choose an empty folder." /SD IDOK
      Abort
    ${EndIf}
    Call RefuseWhileItRuns
    RMDir /r "$INSTDIR\_internal"
  ${EndIf}
  SetOutPath "$INSTDIR"
  File /r "${COLLECTION}/*.*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\${APP_NAME}.lnk" "$INSTDIR\${PROGRAM}"

  WriteRegStr SHCTX "${UNINSTALL}" "DisplayName" "${APP_NAME}"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${UNINSTALL}" "Publisher" "${PUBLISHER}"
  WriteRegStr SHCTX "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
  WriteRegStr SHCTX "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode'
  WriteRegStr SHCTX "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /$MultiUser.InstallMode /S'
  WriteRegDWORD SHCTX "${UNINSTALL}" "EstimatedSize" ${KILOBYTES}
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD SHCTX "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section "Open .cxr bundles with it" SecBundles
  WriteRegStr SHCTX "Software\Classes\.cxr" "" "${BUNDLE_CLASS}"
  WriteRegStr SHCTX "Software\Classes\${BUNDLE_CLASS}" "" "Models for chest film triage"
  WriteRegStr SHCTX "Software\Classes\${BUNDLE_CLASS}\DefaultIcon" "" "$INSTDIR\${PROGRAM},0"
  WriteRegStr SHCTX "Software\Classes\${BUNDLE_CLASS}\shell\open\command" "" '"$INSTDIR\${PROGRAM}" "%1"'
SectionEnd

; Named among the programs that can open a DICOM file; it never takes the place of the hospital's viewer.
Section "Offer it for DICOM files" SecFilms
  WriteRegStr SHCTX "Software\Classes\.dcm\OpenWithProgids" "${FILM_CLASS}" ""
  WriteRegStr SHCTX "Software\Classes\${FILM_CLASS}" "" "DICOM film"
  WriteRegStr SHCTX "Software\Classes\${FILM_CLASS}\shell\open\command" "" '"$INSTDIR\${PROGRAM}" "%1"'
SectionEnd

Section "-Tell Windows"
  !insertmacro ASSOCIATIONS_CHANGED
SectionEnd

Section "Uninstall"
  Call un.RefuseWhileItRuns
  ; What a person made (worklist, readings, settings) lies elsewhere and stays.
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\cxr-desktop.exe"
  Delete "$INSTDIR\cxr-desktopw.exe"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\NOTICES.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\${APP_NAME}.lnk"
  DeleteRegKey SHCTX "Software\Classes\${BUNDLE_CLASS}"
  DeleteRegKey SHCTX "Software\Classes\${FILM_CLASS}"
  DeleteRegValue SHCTX "Software\Classes\.dcm\OpenWithProgids" "${FILM_CLASS}"
  ReadRegStr $0 SHCTX "Software\Classes\.cxr" ""
  ${If} $0 == "${BUNDLE_CLASS}"
    DeleteRegKey SHCTX "Software\Classes\.cxr"
  ${EndIf}
  DeleteRegKey SHCTX "${UNINSTALL}"
  !insertmacro ASSOCIATIONS_CHANGED
SectionEnd
