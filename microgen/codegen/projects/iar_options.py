"""The options of EWARM's projects (.ewp), tool by tool, with the state that they have in a new project.

The form is described in ``iar_format``. Names, versions and states are those of projects that EWARM 9.40.1 and 9.60.3
saved; tests/data/iar lists them with the projects that they were read from.
"""

from __future__ import annotations

PROJECT_TOOLS = r"""
[General] 3 36/37
ExePath= ; ObjPath= ; ListPath= ; BrowseInfoPath= ; GEndianMode=0 ; Input description= ; Output description= ;
GOutputBinary=0 ; OGCoreOrChip=0 ; GRuntimeLibSelect:0=1 ; GRuntimeLibSelectSlave:0=1 ; RTDescription= ;
OGProductVersion= ; OGLastSavedByProductVersion= ; OGChipSelectEditMenu= ; GenLowLevelInterface=0 ;
GEndianModeBE=1 ; OGBufferedTerminalOutput=0 ; GenStdoutInterface=0 ;
RTConfigPath2=$TOOLKIT_DIR$\inc\c\DLib_Config_Normal.h ; GBECoreSlave:list= ; OGUseCmsis=0 ; OGUseCmsisDspLib=0 ;
GRuntimeLibThreads=0 ; CoreVariant:list= ; GFPUDeviceSlave= ; FPU2:0=0 ; NrRegs:0=0 ; NEON=0 ;
GFPUCoreSlave2:list= ; OGCMSISPackSelectDevice ; OgLibHeap=0 ; OGLibAdditionalLocale=0 ; OGPrintfVariant:0=0 ;
OGPrintfMultibyteSupport=0 ; OGScanfVariant:0=0 ; OGScanfMultibyteSupport=0 ; GenLocaleTags= ;
GenLocaleDisplayOnly= ; DSPExtension=0 ; TrustZone=0 ; TrustZoneModes:0=0 ; OGAarch64Abi=0 ; OG_32_64Device=0 ;
BuildFilesPath= ; PointerAuthentication=0 ; FPU64=1 ; OG_32_64DeviceCoreSlave:list= ; GOutputSo@9.60=0
[ICCARM] 2 38/39
CCDefines= ; CCPreprocFile=0 ; CCPreprocComments=0 ; CCPreprocLine=0 ; CCListCFile=0 ; CCListCMnemonics=0 ;
CCListCMessages=0 ; CCListAssFile=0 ; CCListAssSource=0 ; CCEnableRemarks=0 ; CCDiagSuppress= ; CCDiagRemark= ;
CCDiagWarning= ; CCDiagError= ; CCObjPrefix=1 ; CCAllowList:1=00000000 ; CCDebugInfo=1 ; IEndianMode=1 ;
IProcessor=1 ; IExtraOptionsCheck=0 ; IExtraOptions= ; CCLangConformance=0 ; CCSignedPlainChar=1 ;
CCRequirePrototypes=0 ; CCDiagWarnAreErr=0 ; CCCompilerRuntimeInfo=0 ; IFpuProcessor=1 ;
OutputFile=$FILE_BNAME$.o ; CCLibConfigHeader=1 ; PreInclude= ; CCIncludePath2= ; CCStdIncCheck=0 ;
CCCodeSection=.text ; IProcessorMode2=1 ; CCOptLevel=0 ; CCOptStrategy:0=0 ; CCOptLevelSlave=0 ; CCPosIndRopi=0 ;
CCPosIndRwpi=0 ; CCPosIndNoDynInit=0 ; IccLang=0 ; IccCDialect=1 ; IccAllowVLA=0 ; IccStaticDestr=1 ;
IccCppInlineSemantics=0 ; IccCmsis=1 ; IccFloatSemantics=0 ; CCOptimizationNoSizeConstraints=0 ;
CCNoLiteralPool=0 ; CCOptStrategySlave:0=0 ; CCGuardCalls=1 ; CCEncSource=0 ; CCEncOutput=0 ; CCEncOutputBom=1 ;
CCEncInput=0 ; IccExceptions2=0 ; IccRTTI2=0 ; OICompilerExtraOption=1 ; CCStackProtection=0 ;
CCPointerAutentiction=0 ; CCBranchTargetIdentification=0 ; CCPosRadRwpi@9.60=0 ; CCPosSharedSlave@9.60=0
[AARM] 2 12
AObjPrefix=1 ; AEndian=1 ; ACaseSensitivity=1 ; MacroChars:0=0 ; AWarnEnable=0 ; AWarnWhat=0 ; AWarnOne= ;
AWarnRange1= ; AWarnRange2= ; ADebug=0 ; AltRegisterNames=0 ; ADefines= ; AList=0 ; AListHeader=1 ; AListing=1 ;
Includes=0 ; MacDefs=0 ; MacExps=1 ; MacExec=0 ; OnlyAssed=0 ; MultiLine=0 ; PageLengthCheck=0 ; PageLength=80 ;
TabSpacing=8 ; AXRef=0 ; AXRefDefines=0 ; AXRefInternal=0 ; AXRefDual=0 ; AProcessor=1 ; AFpuProcessor=1 ;
AOutputFile=$FILE_BNAME$.o ; ALimitErrorsCheck=0 ; ALimitErrorsEdit=100 ; AIgnoreStdInclude=0 ; AUserIncludes= ;
AExtraOptionsCheckV2=0 ; AExtraOptionsV2= ; AsmNoLiteralPool=0 ; PreInclude= ; A_32_64Device=1
[OBJCOPY] 0 1
OOCOutputFormat:3=3 ; OCOutputOverride=0 ; OOCOutputFile= ; OOCCommandLineProducer=1 ; OOCObjCopyEnable=0
[CUSTOM] 3/4 -
[ILINK] 0 27/28
IlinkLibIOConfig=1 ; IlinkInputFileSlave=0 ; IlinkOutputFile= ; IlinkDebugInfoEnable=1 ; IlinkKeepSymbols= ;
IlinkRawBinaryFile= ; IlinkRawBinarySymbol= ; IlinkRawBinarySegment= ; IlinkRawBinaryAlign= ; IlinkDefines= ;
IlinkConfigDefines= ; IlinkMapFile=1 ; IlinkLogFile=0 ; IlinkLogInitialization=0 ; IlinkLogModule=0 ;
IlinkLogSection=0 ; IlinkLogVeneer=0 ; IlinkIcfOverride=1 ; IlinkIcfFile= ; IlinkIcfFileSlave= ;
IlinkEnableRemarks=0 ; IlinkSuppressDiags= ; IlinkTreatAsRem= ; IlinkTreatAsWarn= ; IlinkTreatAsErr= ;
IlinkWarningsAreErrors=0 ; IlinkUseExtraOptions=0 ; IlinkExtraOptions= ; IlinkLowLevelInterfaceSlave=1 ;
IlinkAutoLibEnable=1 ; IlinkAdditionalLibs= ; IlinkOverrideProgramEntryLabel=0 ; IlinkProgramEntryLabelSelect=0 ;
IlinkProgramEntryLabel=__iar_program_start ; DoFill=0 ; FillerByte=0xFF ; FillerStart=0x0 ; FillerEnd=0x0 ;
CrcSize:0=1 ; CrcAlign=1 ; CrcPoly=0x11021 ; CrcCompl:0=0 ; CrcBitOrder:0=0 ; CrcInitialValue=0x0 ; DoCrc=0 ;
IlinkBE8Slave=1 ; IlinkBufferedTerminalOutput=1 ; IlinkStdoutInterfaceSlave=1 ; CrcFullSize=0 ;
IlinkIElfToolPostProcess=0 ; IlinkLogAutoLibSelect=0 ; IlinkLogRedirSymbols=0 ; IlinkLogUnusedFragments=0 ;
IlinkCrcReverseByteOrder=0 ; IlinkCrcUseAsInput=1 ; IlinkOptInline=0 ; IlinkOptExceptionsAllow=1 ;
IlinkOptExceptionsForce=0 ; IlinkCmsis=1 ; IlinkOptMergeDuplSections=0 ; IlinkOptUseVfe=1 ; IlinkOptForceVfe=0 ;
IlinkStackAnalysisEnable=0 ; IlinkStackControlFile= ; IlinkStackCallGraphFile= ; CrcAlgorithm:1=1 ;
CrcUnitSize:0=0 ; IlinkThreadsSlave=1 ; IlinkLogCallGraph=0 ; IlinkIcfFile_AltDefault= ; IlinkEncInput=0 ;
IlinkEncOutput=0 ; IlinkEncOutputBom=1 ; IlinkHeapSelect=1 ; IlinkLocaleSelect=1 ;
IlinkTrustzoneImportLibraryOut= ; OILinkExtraOption=1 ; IlinkRawBinaryFile2= ; IlinkRawBinarySymbol2= ;
IlinkRawBinarySegment2= ; IlinkRawBinaryAlign2= ; IlinkLogCrtRoutineSelection=0 ; IlinkLogFragmentInfo=0 ;
IlinkLogInlining=0 ; IlinkLogMerging=0 ; IlinkDemangle=0 ; IlinkWrapperFileEnable=0 ; IlinkWrapperFile= ;
IlinkProcessor=1 ; IlinkFpuProcessor=1 ; IlinkSharedSlave@9.60=0
[IARCHIVE] 0 0
IarchiveInputs= ; IarchiveOverride=0 ; IarchiveOutput=###Unitialized###
[BUILDACTION] 2 -
[Coder] 0 -
"""
"""What builds a project, in the order of the file."""
